/**
 * The room's clock as this viewer's picture tells it.
 *
 * The room counts ticks (one tick is one picture). Each viewer's video has its own RTP timestamps: 32 bits that
 * start anywhere and wrap every 13.3 hours. The room names one pair (RTP, tick); every picture shown then tells
 * the tick that the viewer is seeing, whatever the network's and the jitter buffer's delay.
 */

const RTP_RANGE = 2 ** 32;

export class MediaClock {
  #ticksPerSecond;
  #rtpPerTick;
  #anchor = null;
  #shown = null;

  constructor({ ticksPerSecond = 48, rtpPerTick = 1875 } = {}) {
    this.#ticksPerSecond = ticksPerSecond;
    this.#rtpPerTick = rtpPerTick;
  }

  get ticksPerSecond() {
    return this.#ticksPerSecond;
  }

  /** The room says: RTP timestamp `rtp` is tick `tick`. `now` in milliseconds, as everywhere here. */
  anchor(rtp, tick, now) {
    this.#anchor = { rtp, tick, now };
    this.#shown = null;
  }

  /** A picture with this RTP timestamp has just been shown. */
  frame(rtp, now) {
    if (!this.#anchor || rtp === undefined) return;
    // How often 32 bits wrapped since the anchor cannot be read off the timestamp, but the time that passed tells it.
    const wrapped = rtp - this.#anchor.rtp;
    const elapsed = ((now - this.#anchor.now) / 1000) * this.#ticksPerSecond * this.#rtpPerTick;
    const distance = wrapped + RTP_RANGE * Math.round((elapsed - wrapped) / RTP_RANGE);
    this.#shown = { tick: this.#anchor.tick + distance / this.#rtpPerTick, now };
  }

  /** The tick on screen at `now`, carried on from the last picture; null before one told it. */
  tick(now) {
    if (!this.#shown) return null;
    return this.#shown.tick + ((now - this.#shown.now) / 1000) * this.#ticksPerSecond;
  }

  /** The picture is joined anew: its timestamps start elsewhere. */
  reset() {
    this.#anchor = null;
    this.#shown = null;
  }
}
