/** Captions: which words are due at a tick, and the line over the picture that shows them. */

import { memory } from "./dom.js";

const LIMIT = 200;
const REDRAW_MS = 100;

/** Captions in time. While no clock is known, the first is due at once and the others keep their distance to it. */
export class CaptionTrack {
  #ticksPerSecond;
  #queue = [];
  #guess = null;

  constructor(ticksPerSecond = 48) {
    this.#ticksPerSecond = ticksPerSecond;
  }

  add({ id, text, start, end }, now) {
    if (this.#queue.length === 0) this.#guess = { tick: start, now };
    this.#queue.push({ id, text, start, end });
    this.#queue.sort((a, b) => a.start - b.start);
    if (this.#queue.length > LIMIT) this.#queue.shift();
  }

  /** The text due at `tick` (null: unknown, go by the time since the first caption came), or "". */
  at(tick, now) {
    const due = tick ?? this.#guessed(now);
    if (due === null) return "";
    this.#queue = this.#queue.filter((caption) => caption.end > due);
    // Two may overlap by rounding: the later one wins.
    return this.#queue.findLast((caption) => caption.start <= due)?.text ?? "";
  }

  #guessed(now) {
    return this.#guess && this.#guess.tick + ((now - this.#guess.now) / 1000) * this.#ticksPerSecond;
  }

  /** An answer was cut off: its captions are not to come any more. */
  drop(id) {
    this.#queue = this.#queue.filter((caption) => caption.id !== id);
  }

  clear() {
    this.#queue = [];
  }
}

/** Draws a track over a video, paced by the pictures that are really on screen. */
export class CaptionOverlay {
  #video;
  #line;
  #clock;
  #track;
  #text = "";
  #on = memory.get("captions") !== "off";

  constructor(video, line, clock) {
    this.#video = video;
    this.#line = line;
    this.#clock = clock;
    this.#track = new CaptionTrack(clock.ticksPerSecond);
    setInterval(() => this.#draw(performance.now()), REDRAW_MS);
    if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) this.#follow();
  }

  get on() {
    return this.#on;
  }

  set on(value) {
    this.#on = value;
    memory.set("captions", value ? "on" : "off");
    this.#draw(performance.now());
  }

  add(caption) {
    this.#track.add(caption, performance.now());
    this.#draw(performance.now());
  }

  drop(id) {
    this.#track.drop(id);
    this.#draw(performance.now());
  }

  clear() {
    this.#track.clear();
    this.#draw(performance.now());
  }

  #follow() {
    this.#video.requestVideoFrameCallback((now, frame) => {
      this.#clock.frame(frame.rtpTimestamp, now);
      this.#follow();
    });
  }

  #draw(now) {
    const text = this.#track.at(this.#clock.tick(now), now);
    const shown = this.#on ? text : "";
    if (shown === this.#text) return;
    this.#text = shown;
    this.#line.textContent = shown;
    this.#line.hidden = shown === "";
  }
}
