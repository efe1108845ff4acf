// The pages' logic that needs no browser. Run by test_pages.py, which sets PAGES_JS to the modules' folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.env.PAGES_JS}/${name}`).href);

if (!globalThis.navigator) globalThis.navigator = { language: "en" };
if (!globalThis.CustomEvent) {
  // Node 18 keeps it behind a flag.
  globalThis.CustomEvent = class extends Event {
    constructor(type, { detail = null, ...rest } = {}) {
      super(type, rest);
      this.detail = detail;
    }
  };
}
const { Backoff } = await load("backoff.js");
const { CaptionTrack } = await load("captions.js");
const { MediaClock } = await load("clock.js");
const { Conversation, gap, joined } = await load("conversation.js");
const { STRINGS } = await load("i18n.js");
const { colour } = await load("keyer.js");
const { talkHint } = await load("hint-view.js");
const { roomOf } = await load("session.js");
const { size } = await load("status-view.js");

const HOUR = 3_600_000;
const RTP_RANGE = 2 ** 32;

function clockAt(rtp, tick, now) {
  const clock = new MediaClock();
  clock.anchor(rtp, tick, now);
  return clock;
}

test("a key colour is six digits, with or without a hash", () => {
  assert.deepEqual(colour("#00ff80"), [0, 1, 128 / 255]);
  assert.deepEqual(colour("00B140"), [0, 177 / 255, 64 / 255]);
  for (const wrong of ["", "green", "#fff", "00b14", "00b1400", "000000", "ffffff", "707478"]) assert.equal(colour(wrong), null);
});

test("what is not settled when the connection breaks is kept for the same viewer, and fails for another", () => {
  for (const [same, phase] of [[true, "sending"], [false, "failed"]]) {
    const conversation = new Conversation();
    conversation.ask("c1", { question: "How long?" });
    conversation.welcome([], { same });
    assert.equal(conversation.exchanges[0].phase, phase);
    conversation.fail("c1");
    assert.equal(conversation.exchanges[0].phase, "failed");
  }
  const conversation = new Conversation();
  conversation.ask("c1", { question: "How long?" });
  conversation.receive({ type: "accepted", id: "c1", question: "q1", position: 1 });
  conversation.fail("c1");
  assert.equal(conversation.exchanges[0].phase, "waiting");
});

test("what became of a question may be told before it was accepted", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "How long?" });
  conversation.receive({ type: "answer.done", id: "c1", question: "q1", text: "Six months.", citations: [] });
  conversation.receive({ type: "accepted", id: "c1", question: "q1", position: 1 });
  const [exchange] = conversation.exchanges;
  assert.deepEqual([exchange.phase, exchange.sentences], ["done", ["Six months."]]);
});

test("a picture's RTP timestamp tells its tick", () => {
  const clock = clockAt(1_000_000, 480, 0);
  assert.equal(clock.tick(10), null);
  clock.frame(1_000_000 + 48 * 1875, 1100);
  assert.equal(clock.tick(1100), 528);
  assert.equal(clock.tick(1600), 552);
});

test("a picture from before the anchor has an earlier tick", () => {
  const clock = clockAt(500, 480, 0);
  clock.frame(RTP_RANGE + 500 - 10 * 1875, 5);
  assert.equal(clock.tick(5), 470);
});

test("RTP timestamps may wrap, more than once and while no picture was shown", () => {
  for (const hours of [1, 13, 14, 30, 100]) {
    const clock = clockAt(RTP_RANGE - 1000, 7, 250);
    const ticks = hours * 3600 * 48;
    // The network may have held the picture for a second and a half.
    clock.frame((RTP_RANGE - 1000 + ticks * 1875) % RTP_RANGE, 250 + hours * HOUR + 1500);
    assert.equal(clock.tick(250 + hours * HOUR + 1500), 7 + ticks, `${hours} hours`);
  }
});

test("after joining anew the old timestamps mean nothing", () => {
  const clock = clockAt(0, 0, 0);
  clock.frame(1875, 20);
  clock.reset();
  assert.equal(clock.tick(40), null);
  clock.frame(3750, 40);
  assert.equal(clock.tick(40), null);
});

test("captions show from their start to their end", () => {
  const track = new CaptionTrack(48);
  track.add({ id: "q1", text: "second", start: 200, end: 300 }, 0);
  track.add({ id: "q1", text: "first", start: 100, end: 200 }, 0);
  const at = (tick) => track.at(tick, 0);
  assert.deepEqual([99, 100, 199.9, 200, 299, 300].map(at), ["", "first", "first", "second", "second", ""]);
});

test("without a clock the first caption is due at once and the next in its distance", () => {
  const track = new CaptionTrack(48);
  track.add({ id: "q1", text: "first", start: 9600, end: 9648 }, 5000);
  track.add({ id: "q1", text: "second", start: 9648, end: 9696 }, 5100);
  const at = (now) => track.at(null, now);
  assert.deepEqual([5000, 5990, 6010, 6990, 7010].map(at), ["first", "first", "second", "second", ""]);
});

test("captions of an answer that was cut off do not come any more", () => {
  const track = new CaptionTrack(48);
  track.add({ id: "q1", text: "cut", start: 0, end: 100 }, 0);
  track.add({ id: "q2", text: "kept", start: 100, end: 200 }, 0);
  track.drop("q1");
  assert.equal(track.at(50, 0), "");
  assert.equal(track.at(150, 0), "kept");
});

test("waiting times double up to a bound and differ between viewers", () => {
  const waits = (random) => {
    const backoff = new Backoff({ first: 500, longest: 15_000, random: () => random });
    return Array.from({ length: 7 }, () => backoff.next());
  };
  assert.deepEqual(waits(0), [250, 500, 1000, 2000, 4000, 7500, 7500]);
  assert.ok(waits(0.999).every((wait, n) => wait > waits(0)[n] && wait <= 15_000));
  const backoff = new Backoff({ random: () => 0 });
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 250);
});

test("sentences are joined as their script wants it", () => {
  assert.equal(gap("One.", "Two."), " ");
  assert.equal(gap("One.", " Two."), "");
  assert.equal(gap("第一句。", "第二句。"), "");
  assert.equal(joined(["One.", "“Two”.", "Three."]), "One. “Two”. Three.");
});

function only(conversation) {
  assert.equal(conversation.exchanges.length, 1);
  return conversation.exchanges[0];
}

test("a question's way, told to the asker by the asker's id", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "Why?", name: "Ann" });
  conversation.receive({ type: "accepted", id: "c1", question: "q9", position: 2 });
  assert.deepEqual([only(conversation).phase, only(conversation).position], ["waiting", 2]);
  conversation.receive({ type: "question", id: "c1", question: "q9", text: "Why?", name: "Ann" });
  conversation.receive({ type: "answer.delta", id: "c1", question: "q9", text: "Because." });
  conversation.receive({ type: "answer.delta", id: "c1", question: "q9", text: " So." });
  conversation.receive({ type: "speech.started", id: "c1", question: "q9" });
  assert.ok(only(conversation).speaking && only(conversation).stoppable);
  const citations = [{ n: 1, title: "T", locator: "L", quote: "Q" }];
  conversation.receive({ type: "answer.done", id: "c1", question: "q9", text: "Because. So.", citations });
  assert.deepEqual(only(conversation).sentences, ["Because.", " So."]);
  assert.ok(only(conversation).stoppable);
  conversation.receive({ type: "speech.ended", id: "c1", question: "q9" });
  const { id, own, phase, stoppable } = only(conversation);
  assert.deepEqual({ id, own, phase, stoppable }, { id: "q9", own: true, phase: "done", stoppable: false });
});

test("whoever is muted may appeal", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "Why?" });
  conversation.receive({ type: "rejected", id: "c1", code: "muted", reason: "you are muted" });
  assert.deepEqual([only(conversation).phase, only(conversation).code], ["rejected", "muted"]);
  conversation.receive({ type: "appealed", id: "c1" });
  assert.equal(only(conversation).phase, "appealed");
});

test("a question that everybody heard of before its asker stays one", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "Why?" });
  conversation.receive({ type: "question", id: "q9", text: "Why?", name: "" });
  conversation.receive({ type: "answer.delta", id: "q9", text: "Because." });
  conversation.receive({ type: "accepted", id: "c1", question: "q9", position: 1 });
  const { own, phase, sentences } = only(conversation);
  assert.deepEqual({ own, phase, sentences }, { own: true, phase: "answering", sentences: ["Because."] });
});

test("others' questions are shown and cannot be stopped", () => {
  const conversation = new Conversation();
  conversation.receive({ type: "question", id: "q1", question: "q1", text: "And this?", name: "Bo" });
  conversation.receive({ type: "answer.delta", id: "q1", question: "q1", text: "Yes." });
  const { own, name, stoppable } = only(conversation);
  assert.deepEqual({ own, name, stoppable }, { own: false, name: "Bo", stoppable: false });
});

test("news of an answer from before this viewer came adds no empty exchange", () => {
  const conversation = new Conversation();
  conversation.receive({ type: "speech.ended", id: "q1", question: "q1" });
  conversation.receive({ type: "skipped", id: "q2", question: "q2", reason: "interrupted" });
  assert.equal(conversation.exchanges.length, 0);
});

test("a lost connection: what was not taken failed, what was missed is filled in", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "Taken?" });
  conversation.receive({ type: "accepted", id: "c1", question: "q1", position: 1 });
  conversation.ask("c2", { question: "Lost?" });
  conversation.welcome([{ id: "q1", question: "Taken?", text: "Yes.", citations: [] }]);
  const [taken, lost] = conversation.exchanges;
  assert.deepEqual([taken.phase, taken.sentences, taken.own], ["done", ["Yes."], true]);
  assert.equal(lost.phase, "failed");
});

test("a refused question keeps the reason; a message of another kind is left to others", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "?" });
  assert.ok(conversation.receive({ type: "rejected", id: "c1", code: "busy", reason: "…" }));
  assert.deepEqual([only(conversation).phase, only(conversation).code], ["rejected", "busy"]);
  assert.equal(conversation.receive({ type: "caption", id: "q1", text: "", start: 0, end: 1 }), false);
});

test("a guess at the host's question is no question, and tells whether it is right", () => {
  const conversation = new Conversation();
  conversation.ask("c1", { question: "30" });
  assert.ok(conversation.receive({ type: "guessed", id: "c1", right: true }));
  const { phase, right, stoppable } = only(conversation);
  assert.deepEqual([phase, right, stoppable], ["guessed", true, false]);
});

test("the conversation is bounded", () => {
  const conversation = new Conversation();
  const removed = [];
  conversation.addEventListener("remove", (event) => removed.push(event.detail.id));
  for (let n = 0; n < 103; n++) conversation.receive({ type: "question", id: `q${n}`, text: "?", name: "" });
  assert.equal(conversation.exchanges.length, 100);
  assert.deepEqual(removed, ["q0", "q1", "q2"]);
});

test("both languages say the same things, with the same gaps to fill", () => {
  const gaps = (words) => [...words.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  assert.deepEqual(Object.keys(STRINGS.zh).sort(), Object.keys(STRINGS.en).sort());
  for (const key of Object.keys(STRINGS.zh)) {
    assert.deepEqual(gaps(STRINGS.zh[key]), gaps(STRINGS.en[key]), key);
    assert.ok(STRINGS.zh[key] && STRINGS.en[key], key);
  }
});

test("every state of push-to-talk has words", () => {
  const words = (key) => STRINGS.en[key] ?? assert.fail(key);
  for (const state of ["asking", "ready", "listening", "recognising", "understood"]) {
    assert.ok(talkHint({ state, reason: null, text: "" }, words)());
  }
  const reasons = ["insecure", "denied", "missing", "busy", "no_link", "timeout", "nothing_heard"];
  for (const reason of reasons) assert.ok(talkHint({ state: "failed", reason, text: "" }, words)());
});

test("the room is read off the address as it stands there", () => {
  assert.equal(roomOf("/rooms/legal-assistant"), "legal-assistant");
  assert.equal(roomOf("/rooms/%E6%B3%95/kiosk"), "%E6%B3%95");
});

test("sizes are told in the unit of the whole", () => {
  assert.equal(size(412_000_000, 1_120_000_000), "0.41 GB");
  assert.equal(size(90_000_000), "90 MB");
  assert.equal(size(0), "0 B");
});
