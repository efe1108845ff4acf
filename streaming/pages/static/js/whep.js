/** One WHEP session: the room's picture and sound in, the viewer's microphone out. */

import { gathered } from "./ice.js";

/** Why no picture came; `reason` is a key that the pages have words for, `fatal` says that trying again is useless. */
export class WhepError extends Error {
  constructor(reason, { fatal = false, detail = "" } = {}) {
    super(detail || reason);
    this.reason = reason;
    this.fatal = fatal;
  }
}

export class WhepSession {
  #peer;
  #microphone;
  #location = null;
  stream = new MediaStream();

  constructor({ iceServers = [], microphone = null }) {
    assertCodec();
    this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#peer.addEventListener("track", (event) => this.stream.addTrack(event.track));
    this.#peer.addTransceiver("video", { direction: "recvonly" });
    // WHEP has no renegotiation: the way for the microphone is laid at the start, its track may come later.
    this.#microphone = this.#peer.addTransceiver("audio", { direction: "sendrecv" });
    if (microphone) void this.#microphone.sender.replaceTrack(microphone);
  }

  get connectionState() {
    return this.#peer.connectionState;
  }

  /** Whether the room takes this viewer's voice. */
  get hears() {
    return (this.#microphone.currentDirection ?? "").includes("send");
  }

  /** Offer, gather, post, take the answer. Throws WhepError. */
  async join(endpoint, signal) {
    await this.#peer.setLocalDescription();
    await gathered(this.#peer);
    const response = await post(endpoint, this.#peer.localDescription.sdp, signal);
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, response.url);
    const answer = await response.text();
    try {
      await this.#peer.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      throw new WhepError("bad_answer", { detail: String(error) });
    }
  }

  /** Let the microphone's sound through this session. */
  async send(track) {
    await this.#microphone.sender.replaceTrack(track);
  }

  /** The statistics of the W3C model, as a list. */
  async report() {
    return [...(await this.#peer.getStats()).values()];
  }

  /** Hang up, and say so: `keepalive` lets the message out while the page is closing. */
  leave() {
    this.#peer.close();
    if (!this.#location) return;
    fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => {
      // The server is gone or has forgotten the session: it is over either way.
    });
    this.#location = null;
  }
}

/** H.264, or VP8 for the lighter picture. */
function assertCodec() {
  if (!globalThis.RTCPeerConnection) throw new WhepError("no_webrtc", { fatal: true });
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.("video")?.codecs;
  // A browser that does not tell its codecs gets the benefit of the doubt.
  if (codecs && !codecs.some((codec) => ["video/h264", "video/vp8"].includes(codec.mimeType.toLowerCase()))) {
    throw new WhepError("no_codec", { fatal: true });
  }
}

async function post(endpoint, sdp, signal) {
  let response;
  try {
    response = await fetch(endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: sdp,
      signal,
    });
  } catch (error) {
    throw new WhepError(navigator.onLine ? "server_gone" : "offline", { detail: String(error) });
  }
  if (response.status === 201) return response;
  const reasons = { 404: "room_not_found", 429: "room_full", 503: "not_on_air" };
  throw new WhepError(reasons[response.status] ?? "refused", { detail: `HTTP ${response.status}` });
}
