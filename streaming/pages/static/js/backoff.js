/** Waiting times between attempts: they double, are bounded, and differ from viewer to viewer. */

export class Backoff {
  #attempt = 0;
  #first;
  #longest;
  #random;

  /** Times in milliseconds; `random` returns [0, 1) and is a parameter so that a test can fix it. */
  constructor({ first = 500, longest = 15_000, random = Math.random } = {}) {
    this.#first = first;
    this.#longest = longest;
    this.#random = random;
  }

  /** Between half and the whole of the doubled time: a restarted server is not met by everybody at once. */
  next() {
    const whole = Math.min(this.#longest, this.#first * 2 ** this.#attempt);
    this.#attempt += 1;
    return whole * (0.5 + 0.5 * this.#random());
  }

  reset() {
    this.#attempt = 0;
  }
}

/** Resolve after `ms`, or at once when `signal` aborts. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
