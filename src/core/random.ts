/**
 * Seeded random numbers: sfc32 (Chris Doty-Humphrey, PractRand), 128 bits of state, seeded from sha256 of a text. The same seed gives the
 * same numbers on every machine: only 32-bit integer arithmetic, and sqrt/log/sin/cos as V8 ships them (fdlibm).
 */
import { createHash } from 'node:crypto';

const WARM_UP_ROUNDS = 15; // sfc32's author recommends at least 12 after seeding
const TWO_POW_32 = 4294967296;
const TWO_POW_26 = 67108864;
const TWO_POW_53 = 9007199254740992;

/** Layers of the ziggurat: x[i] are their edges (x[0] belongs to the layer with the tail), all of the same area. */
const ZIGGURAT_LAYERS = 128;
const ZIGGURAT_TAIL = 3.442619855899;
const ZIGGURAT_AREA = 9.91256303526217e-3;
const zigguratEdges = new Float64Array(ZIGGURAT_LAYERS + 1);
zigguratEdges[0] = ZIGGURAT_AREA / Math.exp(-0.5 * ZIGGURAT_TAIL ** 2);
zigguratEdges[1] = ZIGGURAT_TAIL;
for (let i = 2; i < ZIGGURAT_LAYERS; i += 1) {
  const edge = zigguratEdges[i - 1] as number;
  zigguratEdges[i] = Math.sqrt(-2 * Math.log(ZIGGURAT_AREA / edge + Math.exp(-0.5 * edge * edge)));
}
const TWO_POW_24 = 16777216;
/** Numbers in one call. V8 compiles a loop that never returns while it runs; what follows the loop is then unknown to it, and every call starts slowly again. */
const NORMALS_BLOCK = 1024;

export class Random {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;
  #spare: number | undefined;

  constructor(seed: string | number) {
    this.seed = String(seed);
    const hash = createHash('sha256').update(`random/1\0${this.seed}`).digest();
    this.#a = hash.readInt32LE(0);
    this.#b = hash.readInt32LE(4);
    this.#c = hash.readInt32LE(8);
    this.#counter = 1;
    for (let i = 0; i < WARM_UP_ROUNDS; i += 1) this.uint32();
  }

  /** An independent stream: the same label always gives the same one, whatever was drawn from this one before. */
  fork(label: string | number): Random {
    return new Random(`${this.seed}/${label}`);
  }

  /** Uniform integer in [0, 2^32). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** Uniform in [low, high) with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.uint32() >>> 5) * TWO_POW_26 + (this.uint32() >>> 6)) / TWO_POW_53;
    return low + (high - low) * unit;
  }

  /** Uniform integer in [low, high), without modulo bias. */
  integer(low: number, high: number): number {
    const range = high - low;
    const limit = TWO_POW_32 - (TWO_POW_32 % range);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return low + (draw % range);
  }

  /** Normal by the Box–Muller transform. */
  normal(mean = 0, sd = 1): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return mean + sd * spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return mean + sd * radius * Math.cos(angle);
  }

  /**
   * target[i] += sd·n, n normal, for start ≤ i < end: for noise over whole images, several times as fast as `normal`. 25 random bits a number.
   * @source Marsaglia & Tsang 2000, in the form of Doornik 2005 (index and value from different bits)
   */
  addNormals(target: Float32Array, start: number, end: number, sd: number): void {
    for (let from = start; from < end; from += NORMALS_BLOCK) this.#addBlock(target, from, Math.min(from + NORMALS_BLOCK, end), sd);
  }

  /** The state in local variables (integers, which `| 0` tells the compiler) and the usual case, 99 %, in the loop: the numbers of a call each in half the time. */
  #addBlock(target: Float32Array, start: number, end: number, sd: number): void {
    let a = this.#a | 0;
    let b = this.#b | 0;
    let c = this.#c | 0;
    let counter = this.#counter | 0;
    for (let i = start; i < end; i += 1) {
      const t = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + t) | 0;
      const layer = t & (ZIGGURAT_LAYERS - 1);
      let x = ((t >>> 7) / TWO_POW_24 - 1) * (zigguratEdges[layer] as number);
      if (Math.abs(x) >= (zigguratEdges[layer + 1] as number)) {
        this.#a = a;
        this.#b = b;
        this.#c = c;
        this.#counter = counter;
        x = this.#ziggurat(t);
        a = this.#a | 0;
        b = this.#b | 0;
        c = this.#c | 0;
        counter = this.#counter | 0;
      }
      target[i] = (target[i] as number) + sd * x;
    }
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#counter = counter;
  }

  /** A normal number of the 32 bits drawn, and of more if those are rejected. */
  #ziggurat(drawn: number): number {
    for (let bits = drawn; ; bits = this.uint32()) {
      const layer = bits & (ZIGGURAT_LAYERS - 1);
      const x = ((bits >>> 7) / TWO_POW_24 - 1) * (zigguratEdges[layer] as number);
      const inner = zigguratEdges[layer + 1] as number;
      if (Math.abs(x) < inner) return x;
      if (layer === 0) return x < 0 ? -this.#zigguratTail() : this.#zigguratTail();
      const outer = zigguratEdges[layer] as number;
      const low = Math.exp(-0.5 * (outer * outer - x * x));
      const high = Math.exp(-0.5 * (inner * inner - x * x));
      if (low + this.uniform() * (high - low) < 1) return x;
    }
  }

  /** Beyond the last edge. @source Marsaglia 1964 */
  #zigguratTail(): number {
    for (;;) {
      const x = -Math.log(1 - this.uniform()) / ZIGGURAT_TAIL;
      const y = -Math.log(1 - this.uniform());
      if (2 * y > x * x) return ZIGGURAT_TAIL + x;
    }
  }

  /** Fisher–Yates order of 0 … n-1. */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i -= 1) {
      const j = this.integer(0, i + 1);
      const held = order[i] as number;
      order[i] = order[j] as number;
      order[j] = held;
    }
    return order;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length)] as T;
  }
}
