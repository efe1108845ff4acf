/** The room's WebSocket: messages both ways, kept alive. */

import { Backoff, sleep } from "./backoff.js";

const STEADY_MS = 5_000;
const GONE = 1006;
/** What the room closes with, where it says why. */
const REASONS = { 4401: "pass_needed", 4403: "pass_needed", 4404: "room_not_found", 1012: "connection_lost", 1013: "connection_lost" };
/** A connection that was doubted and stays silent for so long is given up: who vanishes says nothing. */
const DOUBT_MS = 10_000;

/**
 * Events: `message` (detail: the room's message) and `state` (detail: {state, reason, retryMs}).
 * States: "idle", "connecting", "open", "waiting" (for the next attempt).
 */
export class Signalling extends EventTarget {
  #room;
  #pass;
  /** How many messages have come. */
  #heard = 0;
  #giveUp = null;
  #socket = null;
  #stopping = null;
  #hurry = null;
  #backoff = new Backoff();
  state = "idle";
  /** Who this is to the room, once it has said so: after a lost connection we are still the same. */
  viewer = "";

  /** `room`: the room's id as it stands in the address (already percent-encoded); `pass`: gives what a private room asks for. */
  constructor(room, pass) {
    super();
    this.#room = room;
    this.#pass = pass;
    addEventListener("online", () => this.#hurry?.abort());
  }

  start() {
    if (this.#stopping) return;
    this.#stopping = new AbortController();
    void this.#run(this.#stopping.signal);
  }

  stop() {
    this.#stopping?.abort();
    this.#stopping = null;
    this.#socket?.close();
    this.#announce("idle");
  }

  /** Send a message; false when there is no connection to send it on. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  async #run(signal) {
    while (!signal.aborted) {
      this.#announce("connecting");
      const opened = performance.now();
      const code = await this.#converse();
      if (signal.aborted) return;
      if (performance.now() - opened > STEADY_MS) this.#backoff.reset();
      const reason = REASONS[code] ?? (await this.#diagnose());
      if (reason === "pass_needed") {
        this.#stopping = null;
        this.#announce("waiting", { reason });
        return;
      }
      const retryMs = this.#backoff.next();
      this.#announce("waiting", { reason, retryMs });
      this.#hurry = new AbortController();
      await sleep(retryMs, AbortSignal.any([signal, this.#hurry.signal]));
    }
  }

  /** One connection from its opening to its end; resolves to the close code. */
  #converse() {
    const url = new URL(`/rooms/${this.#room}/ws`, location.href);
    for (const [name, value] of Object.entries(this.#pass())) url.searchParams.set(name, value);
    if (this.viewer) url.searchParams.set("viewer", this.viewer);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    return new Promise((resolve) => {
      const socket = new WebSocket(url);
      this.#socket = socket;
      socket.addEventListener("open", () => this.#announce("open"));
      socket.addEventListener("message", (event) => this.#receive(event.data));
      socket.addEventListener("close", (event) => resolve(event.code));
      this.#giveUp = resolve;
    });
  }

  /** The picture had to be joined anew: whoever sent it may be gone, and the messages with it. */
  doubt() {
    if (this.state !== "open") return;
    const [socket, heard] = [this.#socket, this.#heard];
    setTimeout(() => {
      if (socket !== this.#socket || heard !== this.#heard) return;
      socket.close();
      this.#giveUp(GONE);
    }, DOUBT_MS);
  }

  #receive(data) {
    this.#heard++;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      console.warn("the room sent something that is not JSON");
      return;
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** A failed WebSocket does not say why; the list of rooms does. */
  async #diagnose() {
    if (!navigator.onLine) return "offline";
    try {
      const response = await fetch("/api/rooms", { signal: AbortSignal.timeout(3_000) });
      if (!response.ok) return "connection_lost";
      const rooms = await response.json();
      const known = rooms.some((room) => encodeURIComponent(room.id) === this.#room || room.id === this.#room);
      return known ? "connection_lost" : "room_not_found";
    } catch {
      return "server_gone";
    }
  }

  #announce(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason: null, retryMs: 0, ...detail } }));
  }
}
