/** What was asked and answered in the room: the room's messages in, exchanges out. Knows no document. */

const LIMIT = 100;

/**
 * One question and what became of it.
 *
 * `phase`: "sending", "waiting" (in the queue), "answering", "done", or how it ended otherwise: "rejected",
 * "skipped", "expired", "held", "failed", "appealed": its asker is muted and has appealed, or "guessed": it was no question, but a guess at the host's. `speaking` is apart: the host may still be saying what is fully written.
 */
class Exchange {
  constructor({ id = null, clientId = null, own = false, name = "", question = "", phase = "waiting" }) {
    this.key = id ?? clientId;
    this.id = id;
    this.clientId = clientId;
    this.own = own;
    this.name = name;
    this.question = question;
    this.phase = phase;
    this.position = null;
    this.sentences = [];
    this.citations = [];
    this.refused = false;
    this.speaking = false;
    this.stopping = false;
    this.ours = own;
    this.right = null;
    this.code = null;
    this.reason = null;
  }

  /** The asker may end it: take back what waits, stop what is being made or said. */
  get stoppable() {
    const open = this.speaking || this.phase === "waiting" || this.phase === "answering";
    return this.own && this.ours && this.id !== null && open;
  }
}

/** Events: `change` (detail: the exchange), `remove` (detail: the exchange), `notice` (detail: text). */
export class Conversation extends EventTarget {
  #exchanges = [];

  get exchanges() {
    return [...this.#exchanges];
  }

  /** This viewer asks; `clientId` names the question until the room has given it an id. */
  ask(clientId, { question, name = "" }) {
    this.#add(new Exchange({ clientId, own: true, name, question, phase: "sending" }));
  }

  /** Nothing came of it for too long. */
  fail(clientId) {
    const exchange = this.#own(clientId);
    if (exchange?.phase === "sending") this.#change(exchange, { phase: "failed" });
  }

  interrupting(id) {
    const exchange = this.#find(id);
    if (exchange) this.#change(exchange, { stopping: true });
  }

  /** Forget everything, as a kiosk does for its next visitor. */
  clear() {
    for (const exchange of this.#exchanges.splice(0)) this.#emit("remove", exchange);
  }

  /** The room greets, maybe after a lost connection: what was said meanwhile, and what can no longer be true. */
  welcome(recent, { same = false } = {}) {
    for (const exchange of this.#exchanges) {
      // To the room this may be another viewer now: then what was asked before can no longer be stopped from here.
      const phase = exchange.phase === "sending" && !same ? "failed" : exchange.phase;
      this.#change(exchange, { phase, speaking: false, stopping: false, ours: same && exchange.ours });
    }
    for (const { id, question, text, citations = [], name = "", refused = false } of recent) {
      const exchange = this.#find(id) ?? this.#add(new Exchange({ id, question, name }));
      this.#change(exchange, { phase: "done", sentences: [text], citations, refused });
    }
  }

  /** Take one message; true when it was about the conversation. */
  receive(message) {
    const take = HANDLERS[message.type];
    if (!take) return false;
    take.call(this, message);
    return true;
  }

  accepted({ id, question, position }) {
    const exchange = this.#own(id);
    if (!exchange) return;
    const early = this.#find(question);
    if (early && early !== exchange) {
      // The room told everybody before it told the asker: two views of one question become one.
      this.#remove(early);
      const { sentences, citations, refused, speaking, phase } = early;
      Object.assign(exchange, { sentences, citations, refused, speaking, phase });
    }
    // What became of it may have been told first.
    const phase = exchange.phase === "sending" ? "waiting" : exchange.phase;
    this.#change(exchange, { id: question, position: position ?? null, phase });
  }

  moved({ id, question = id, position }) {
    const exchange = this.#find(question) ?? this.#own(id);
    if (exchange) this.#change(exchange, { phase: "waiting", position });
  }

  rejected({ id, code, reason }) {
    const exchange = this.#own(id);
    if (exchange) this.#change(exchange, { phase: "rejected", code, reason });
  }

  appealed({ id }) {
    const exchange = this.#own(id);
    if (exchange) this.#change(exchange, { phase: "appealed" });
  }

  guessed({ id, right }) {
    const exchange = this.#own(id);
    if (exchange) this.#change(exchange, { phase: "guessed", right });
  }

  question(message) {
    const exchange = this.#of(message);
    this.#change(exchange, { question: message.text, name: message.name ?? "" });
  }

  delta(message) {
    const exchange = this.#of(message);
    exchange.sentences.push(message.text);
    this.#change(exchange, { phase: "answering" });
  }

  done(message) {
    const { text, citations = [], refused = false } = message;
    const exchange = this.#of(message);
    if (text !== undefined && joined(exchange.sentences) !== text) exchange.sentences = [text];
    this.#change(exchange, { phase: "done", citations, refused });
  }

  speech(message) {
    const exchange = this.#known(message);
    if (exchange) this.#change(exchange, { speaking: message.type === "speech.started", stopping: false });
  }

  dropped(message) {
    const { type, reason = null } = message;
    const exchange = this.#known(message);
    // Its asker went on speaking: the whole question comes next.
    if (exchange && reason === "continued") return this.#remove(exchange);
    if (exchange) this.#change(exchange, { phase: type, speaking: false, stopping: false, reason });
  }

  notice({ text }) {
    this.#emit("notice", text);
  }

  /** The exchange a message is about: `question` is the room's id; `id` the asker's own, or the room's to others. */
  #known({ id, question = id }) {
    return this.#find(question) ?? this.#own(id);
  }

  /** The same, begun here if this viewer came in the middle of it. */
  #of(message) {
    return this.#known(message) ?? this.#add(new Exchange({ id: message.question ?? message.id }));
  }

  #find(id) {
    return this.#exchanges.find((exchange) => exchange.id === id) ?? null;
  }

  #own(clientId) {
    return this.#exchanges.find((exchange) => exchange.own && exchange.clientId === clientId) ?? null;
  }

  #add(exchange) {
    this.#exchanges.push(exchange);
    if (this.#exchanges.length > LIMIT) this.#remove(this.#exchanges[0]);
    this.#emit("change", exchange);
    return exchange;
  }

  #remove(exchange) {
    this.#exchanges = this.#exchanges.filter((other) => other !== exchange);
    this.#emit("remove", exchange);
  }

  #change(exchange, values) {
    Object.assign(exchange, values);
    this.#emit("change", exchange);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

const HANDLERS = {
  question: Conversation.prototype.question,
  accepted: Conversation.prototype.accepted,
  waiting: Conversation.prototype.moved,
  rejected: Conversation.prototype.rejected,
  appealed: Conversation.prototype.appealed,
  guessed: Conversation.prototype.guessed,
  "answer.delta": Conversation.prototype.delta,
  "answer.done": Conversation.prototype.done,
  "speech.started": Conversation.prototype.speech,
  "speech.ended": Conversation.prototype.speech,
  skipped: Conversation.prototype.dropped,
  expired: Conversation.prototype.dropped,
  held: Conversation.prototype.dropped,
  notice: Conversation.prototype.notice,
};

/** Sentences as one text: Latin script wants a space between them, Chinese none. */
export function joined(sentences) {
  return sentences.reduce((text, sentence) => text + gap(text, sentence) + sentence, "");
}

/** What stands between two sentences. */
export function gap(before, after) {
  if (!before || /\s$/.test(before) || /^\s/.test(after)) return "";
  return /[\u0021-\u024f\u2018-\u201d]$/.test(before) && /^[\u0021-\u024f\u2018-\u201d]/.test(after) ? " " : "";
}
