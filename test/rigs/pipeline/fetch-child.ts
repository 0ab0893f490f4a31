/** Takes one result from a server in a process of its own, so that tests can kill it: `node fetch-child.js STORE URL PUBLIC-KEY KEY`. */
import { HttpRemote } from '../../../src/engine/remote/http-remote.js';
import { LayeredStore } from '../../../src/engine/remote/layered-store.js';
import { TrustedKeys } from '../../../src/engine/remote/signing.js';
import type { StageKey } from '../../../src/engine/record.js';
import { openStore } from '../../../src/engine/store/file-store.js';

const [directory, url, publicKey, key] = process.argv.slice(2) as [string, string, string, StageKey];
const remote = new HttpRemote({ url, headers: {}, timeoutMs: 60_000 });
const store = new LayeredStore(await openStore(directory, { mode: 'read-write' }), { remote, mode: 'read', trust: new TrustedKeys([publicKey]), signer: undefined, maxObjectBytes: 1e9, sendRestricted: false });
process.stdout.write((await store.lookup(key)) === undefined ? 'miss\n' : 'restored\n');
await store.close();
