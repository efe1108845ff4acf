/** Keeps the room's picture on a video element: joins, watches over the pictures, joins again. */

import { Backoff, sleep } from "./backoff.js";
import { WhepError, WhepSession } from "./whep.js";

const WATCH_MS = 500;
const FIRST_FRAME_MS = 10_000;
const STALLED_MS = 3_000;

/**
 * Events: `state` (detail: {state, reason, retryMs}), `joining` (a new session starts), `blocked` (the browser
 * refuses to play until the viewer touches the page).
 * States: "idle", "connecting", "live", "waiting" (for the next attempt), "failed" (trying again is useless).
 */
export class Player extends EventTarget {
  #video;
  #session = null;
  #stopping = null;
  #microphone = null;
  #backoff = new Backoff();
  #last = null;
  state = "idle";

  constructor(video) {
    super();
    this.#video = video;
  }

  /** Play from `endpoint` until stopped; a second call moves to the new endpoint. */
  start(endpoint, iceServers) {
    this.stop();
    this.#stopping = new AbortController();
    void this.#run(endpoint, iceServers, this.#stopping.signal);
  }

  stop() {
    this.#stopping?.abort();
    this.#stopping = null;
    this.#session?.leave();
    this.#session = null;
    this.#announce("idle");
  }

  /** Whether the room takes this viewer's voice just now. */
  get hears() {
    return this.state === "live" && Boolean(this.#session?.hears);
  }

  /** Send the microphone to the room, now and in every later session. */
  async send(track) {
    this.#microphone = track;
    await this.#session?.send(track);
  }

  async #run(endpoint, iceServers, signal) {
    while (!signal.aborted) {
      this.#announce("connecting");
      this.dispatchEvent(new Event("joining"));
      const failure = await this.#attend(endpoint, iceServers, signal);
      if (signal.aborted) return;
      this.#session?.leave();
      this.#session = null;
      if (failure.fatal) return this.#announce("failed", { reason: failure.reason });
      const retryMs = this.#backoff.next();
      this.#announce("waiting", { reason: failure.reason, retryMs });
      await sleep(retryMs, signal);
    }
  }

  /** One session from its offer to its end; resolves to the WhepError that ended it. */
  async #attend(endpoint, iceServers, signal) {
    try {
      const session = new WhepSession({ iceServers, microphone: this.#microphone });
      this.#session = session;
      await session.join(endpoint, signal);
      this.#video.srcObject = session.stream;
      this.play();
      return await this.#watch(session, signal);
    } catch (error) {
      return error instanceof WhepError ? error : new WhepError("refused", { detail: String(error) });
    }
  }

  /** Resolves when the pictures stop. */
  async #watch(session, signal) {
    let seen = 0;
    let progress = performance.now();
    while (!signal.aborted) {
      await sleep(WATCH_MS, signal);
      if (session.connectionState === "failed") return new WhepError("ice_failed");
      const now = performance.now();
      const frames = (await inbound(session, "video"))?.framesDecoded ?? 0;
      // A hidden page may decode nothing; its silence is no sign of trouble.
      if (frames !== seen || (document.hidden && seen > 0)) progress = now;
      if (frames > seen && this.state !== "live") {
        this.#backoff.reset();
        this.#announce("live");
      }
      seen = frames;
      if (now - progress > (seen ? STALLED_MS : FIRST_FRAME_MS)) {
        return new WhepError(session.connectionState === "connected" ? "no_frames" : "ice_failed");
      }
    }
    return new WhepError("stopped");
  }

  /** Start the element; browsers may demand a touch first. */
  play() {
    this.#video.play().catch((error) => {
      if (error.name === "NotAllowedError") this.dispatchEvent(new Event("blocked"));
    });
  }

  /** What a test or a curious viewer wants to know of the picture and the sound. */
  async stats() {
    const session = this.#session;
    if (!session) return null;
    const report = await session.report();
    const of = (kind) => report.find((entry) => entry.type === "inbound-rtp" && entry.kind === kind) ?? {};
    const video = of("video");
    const audio = of("audio");
    const pair = report.find((entry) => entry.type === "candidate-pair" && entry.nominated);
    const rate = this.#rate(video);
    return {
      width: this.#video.videoWidth,
      height: this.#video.videoHeight,
      framesPerSecond: video.framesPerSecond ?? rate.framesPerSecond,
      bitsPerSecond: rate.bitsPerSecond,
      framesDecoded: video.framesDecoded ?? 0,
      framesDropped: video.framesDropped ?? 0,
      freezes: video.freezeCount ?? 0,
      packetsLost: (video.packetsLost ?? 0) + (audio.packetsLost ?? 0),
      jitterSeconds: video.jitter ?? 0,
      roundTripSeconds: pair?.currentRoundTripTime ?? null,
      audioLevel: audio.audioLevel ?? 0,
      audioEnergy: audio.totalAudioEnergy ?? 0,
    };
  }

  /** Rates over the time since the previous call. */
  #rate(video) {
    const now = { at: video.timestamp, bytes: video.bytesReceived ?? 0, frames: video.framesDecoded ?? 0 };
    const before = this.#last ?? now;
    this.#last = now;
    const seconds = (now.at - before.at) / 1000;
    if (!(seconds > 0)) return { bitsPerSecond: 0, framesPerSecond: 0 };
    return {
      bitsPerSecond: ((now.bytes - before.bytes) * 8) / seconds,
      framesPerSecond: (now.frames - before.frames) / seconds,
    };
  }

  #announce(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason: null, retryMs: 0, ...detail } }));
  }
}

async function inbound(session, kind) {
  const report = await session.report();
  return report.find((entry) => entry.type === "inbound-rtp" && entry.kind === kind);
}
