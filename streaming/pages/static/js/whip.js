/** One WHIP session: the operator's voice in, spoken by the host. */

import { gathered } from "./ice.js";

/** Why it did not come about; `reason` is a key that the pages have words for. */
export class WhipError extends Error {
  constructor(reason, detail = "") {
    super(detail || reason);
    this.reason = reason;
  }
}

export class WhipSession {
  #peer;
  #track;
  #location = null;
  #token;

  constructor(track, token, iceServers = []) {
    this.#track = track;
    this.#token = token;
    this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#peer.addTransceiver(track, { direction: "sendonly" });
  }

  /** Call `done` once the connection is over, whoever ended it. */
  onEnd(done) {
    this.#peer.addEventListener("connectionstatechange", () => {
      if (["failed", "closed", "disconnected"].includes(this.#peer.connectionState)) done();
    });
  }

  /** Offer, gather, post, take the answer. Throws WhipError. */
  async begin(endpoint) {
    await this.#peer.setLocalDescription();
    await gathered(this.#peer);
    let response;
    try {
      response = await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${this.#token}` },
        body: this.#peer.localDescription.sdp,
      });
    } catch (error) {
      throw new WhipError("gone", String(error));
    }
    if (!response.ok) {
      throw new WhipError({ 401: "token", 409: "taken" }[response.status] ?? "refused", await response.text());
    }
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, response.url);
    await this.#peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  /** Hang up, and say so: first say it, for a connection that closes is an end that the server finds out by itself. */
  end() {
    this.#track.stop();
    const location = this.#location;
    this.#location = null;
    if (!location) return this.#peer.close();
    void fetch(location, { method: "DELETE", keepalive: true, headers: { Authorization: `Bearer ${this.#token}` } })
      .catch(() => {
        // The server is gone: it is over either way.
      })
      .finally(() => this.#peer.close());
  }
}
