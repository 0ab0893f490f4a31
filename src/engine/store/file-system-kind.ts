/**
 * What kind of file system a folder lies on, from the number that statfs(2) gives (linux/magic.h and the sources of the file systems), and
 * what is known of such kinds. Known on Linux only; elsewhere the numbers mean something else and nothing is said.
 */
import { statfs } from 'node:fs/promises';

export interface FileSystemKind {
  readonly name: string;
  /** why one should think twice before keeping a store there */
  readonly caution?: string;
}

const SHARED = 'shared by several machines: locks, times and syncing follow the server';
const MEMORY = 'lies in memory: everything is gone after a restart';

const KINDS: ReadonlyMap<number, FileSystemKind> = new Map([
  [0xef53, { name: 'ext2/3/4' }],
  [0x58465342, { name: 'xfs' }],
  [0x9123683e, { name: 'btrfs' }],
  [0x2fc12fc1, { name: 'zfs' }],
  [0xca451a4e, { name: 'bcachefs' }],
  [0xf2f52010, { name: 'f2fs' }],
  [0x01021994, { name: 'tmpfs', caution: MEMORY }],
  [0x858458f6, { name: 'ramfs', caution: MEMORY }],
  [0x6969, { name: 'nfs', caution: SHARED }],
  [0xff534d42, { name: 'cifs', caution: SHARED }],
  [0xfe534d42, { name: 'smb2', caution: SHARED }],
  [0x517b, { name: 'smb', caution: SHARED }],
  [0x0bd00bd0, { name: 'lustre', caution: SHARED }],
  [0x47504653, { name: 'gpfs', caution: SHARED }],
  [0x19830326, { name: 'beegfs', caution: SHARED }],
  [0x00c36400, { name: 'ceph', caution: SHARED }],
  [0x01021997, { name: '9p', caution: SHARED }],
  [0x5346414f, { name: 'afs', caution: SHARED }],
  [0x65735546, { name: 'fuse', caution: 'run by a program: what syncing and links do depends on it' }],
  [0x794c7630, { name: 'overlay', caution: 'a layer of a container: it is slow to write and goes with the container' }],
  [0x4d44, { name: 'fat', caution: 'has no links and no permissions' }],
  [0x2011bab0, { name: 'exfat', caution: 'has no links and no permissions' }],
  [0x5346544e, { name: 'ntfs' }],
]);

export function kindOf(type: number): FileSystemKind {
  // statfs gives a signed or an unsigned number, depending on the machine
  return KINDS.get(type >>> 0) ?? { name: `unknown (0x${(type >>> 0).toString(16)})` };
}

/** undefined where the number means nothing. */
export async function fileSystemKind(path: string): Promise<FileSystemKind | undefined> {
  return process.platform === 'linux' ? kindOf((await statfs(path)).type) : undefined;
}
