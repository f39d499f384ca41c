/**
 * SHA-256 (FIPS 180-4) of a file piece by piece: the browser's own takes only what fits into memory
 * at once, and a lesson's recording does not.
 */

const BLOCK = 64;

/** @typedef {Record<0 | 1 | 2 | 3 | 4 | 5 | 6 | 7, number>} Eight words of 32 bits */

/** Fractional parts of the square (index 0) or cube (1) roots of the first primes. */
const [INITIAL, ROUNDS] = constants();

export class Sha256 {
  constructor() {
    this.state = Int32Array.from(INITIAL);
    this.rest = new Uint8Array(BLOCK);
    this.filled = 0;
    this.length = 0;
    this.words = new Int32Array(64);
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.filled) {
      at = Math.min(BLOCK - this.filled, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < BLOCK) return this;
      this.compress(this.rest, 0);
      this.filled = 0;
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) this.compress(bytes, at);
    this.rest.set(bytes.subarray(at));
    this.filled = bytes.length - at;
    return this;
  }

  /** @returns {string} 64 hexadecimal digits; nothing may follow */
  hex() {
    const bits = this.length * 8;
    const tail = new Uint8Array(this.filled < 56 ? BLOCK - this.filled : 2 * BLOCK - this.filled);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.update(tail);
    return [...this.state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at where the block begins
   */
  compress(bytes, at) {
    const { words: w } = this;
    const state = /** @type {Eight} */ (/** @type {unknown} */ (this.state));
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] =
        (/** @type {number} */ (bytes[at]) << 24) |
        (/** @type {number} */ (bytes[at + 1]) << 16) |
        (/** @type {number} */ (bytes[at + 2]) << 8) |
        /** @type {number} */ (bytes[at + 3]);
    }
    for (let i = 16; i < 64; i++) {
      const x = /** @type {number} */ (w[i - 15]);
      const y = /** @type {number} */ (w[i - 2]);
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (/** @type {number} */ (w[i - 16]) + s0 + /** @type {number} */ (w[i - 7]) + s1) | 0;
    }
    // One by one: taking an array apart for every block costs four times as much.
    let a = state[0] | 0;
    let b = state[1] | 0;
    let c = state[2] | 0;
    let d = state[3] | 0;
    let e = state[4] | 0;
    let f = state[5] | 0;
    let g = state[6] | 0;
    let h = state[7] | 0;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const choice = (e & f) ^ (~e & g);
      /** @type {number} */
      const t1 =
        (h + s1 + choice + /** @type {number} */ (ROUNDS[i]) + /** @type {number} */ (w[i])) | 0;
      /** @type {number} */
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      /** @type {number} */
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

/** @returns {[Int32Array, Int32Array]} */
function constants() {
  /** @type {number[]} */
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const initial = primes.slice(0, 8).map((p) => fraction(p, 2n));
  return [Int32Array.from(initial), Int32Array.from(primes.map((p) => fraction(p, 3n)))];
}

/**
 * The first 32 bits of the fractional part of a root: whole numbers, since floating point may
 * round the last bit.
 * @param {number} prime
 * @param {bigint} degree
 */
function fraction(prime, degree) {
  const wanted = BigInt(prime) << (32n * degree);
  let [low, high] = [0n, 1n << 40n];
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= wanted) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}
