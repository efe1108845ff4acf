/** Every word of the pages, in Chinese and in English. */

import { memory } from "./dom.js";

export const STRINGS = {
  zh: {
    "language.other": "English",
    "language.switch": "Switch to English",
    "skip": "跳到对话",
    "air.on": "直播中",
    "air.off": "未连接",
    "air.connecting": "连接中",

    "host.idle": "在线",
    "host.listening": "正在聆听",
    "host.thinking": "正在思考",
    "host.speaking": "正在讲话",
    "host.elsewhere": "在另一台机器上",

    "picture.label": "主播画面",
    "picture.unmute": "点此开启声音",
    "picture.play": "点此播放",
    "picture.mute": "静音",
    "picture.sound": "开启声音",
    "picture.captions.on": "显示字幕",
    "picture.captions.off": "隐藏字幕",
    "picture.fullscreen": "全屏",
    "picture.window": "退出全屏",

    "link.connecting": "正在接通画面…",
    "link.retry": "{seconds} 秒后自动重试",
    "link.rooms": "查看所有直播间",
    "link.messages": "消息连接已断开：{why}",
    "why.connection_lost": "连接中断了。",
    "why.pass_needed": "这个房间不公开：请用带有通行证的链接打开，或者通行证已经过期。",
    "why.server_gone": "暂时联系不上服务器，它可能正在重启。",
    "why.room_not_found": "没有找到这个直播间，请核对链接。",
    "why.room_full": "观看人数已满，正在排队。",
    "why.not_on_air": "主播尚未开播，请稍候。",
    "why.refused": "服务器没有接受画面请求。",
    "why.bad_answer": "服务器的应答无法使用。",
    "why.ice_failed": "网络无法传输音视频，可能被防火墙拦截。",
    "why.no_frames": "画面中断了。",
    "why.offline": "您的设备没有联网。",
    "why.no_codec": "此浏览器既不能播放 H.264 也不能播放 VP8 视频。请换用 Chrome、Edge、Safari 或 Firefox；文字问答仍可使用。",
    "why.no_webrtc": "此浏览器不支持 WebRTC，看不到画面；文字问答仍可使用。",

    "status.title": "主播正在准备",
    "status.hint": "模型还在陆续就绪，完成后即可提问。",
    "status.done": "已就绪 {done}，共 {total}",
    "status.error": "下载失败：{error}",
    "status.starting": "载入中",

    "suggest.title": "可以这样问",
    "story.title": "想听什么，请主播讲",
    "log.label": "对话",
    "log.title": "问与答",
    "log.empty": "还没有人提问。",
    "log.empty.hint": "打字，或按住话筒直接说。",
    "log.newer": "有新内容",
    "ask.label": "您的问题",
    "ask.placeholder": "想问什么？",
    "ask.send": "发送",
    "ask.name": "称呼（可不填）",
    "ask.count": "{count} / {limit}",
    "ask.hint": "Enter 发送，Shift + Enter 换行",

    "talk.hold": "按住说话",
    "talk.asking": "请在浏览器弹窗中允许使用话筒。",
    "talk.ready": "话筒已就绪，请按住说话。",
    "talk.listening": "正在听，松开结束",
    "talk.open": "我在听，请直接说。",
    "talk.recognising": "正在识别…",
    "talk.understood": "听到的是：“{text}”",
    "talk.failed.insecure": "话筒只能在 HTTPS 或 localhost 页面中使用。请改用 https:// 地址打开（everhost serve --tls），或打字提问。",
    "talk.failed.denied": "话筒权限被拒绝。请在地址栏的网站设置中允许话筒，然后再按一次。",
    "talk.failed.missing": "没有找到话筒。请接上话筒，或打字提问。",
    "talk.failed.busy": "话筒打不开，可能正被其他程序占用。",
    "talk.failed.no_link": "画面还没有接通，暂时听不到您。请稍候再试，或打字提问。",
    "talk.failed.timeout": "没有等到识别结果，请再说一次。",
    "talk.failed.nothing_heard": "没有听清，请靠近一点再说一次。",

    "entry.you": "您",
    "entry.guest": "观众",
    "entry.sending": "正在发送…",
    "entry.next": "马上回答",
    "entry.waiting": "前面还有 {count} 个问题",
    "entry.queued": "等待回答",
    "entry.answering": "正在组织回答…",
    "entry.speaking": "正在讲",
    "entry.refused": "资料中没有依据，未作回答",
    "entry.stop": "停",
    "entry.stop.label": "让主播停下这个回答",
    "entry.withdraw": "撤回",
    "entry.withdraw.label": "撤回这个问题",
    "entry.retry": "再问一次",
    "entry.failed": "没有送达。",
    "entry.expired": "等待太久，这个问题已过期。",
    "entry.held": "这个问题正在等待人工审核。",
    "entry.guess.right": "答对了！",
    "entry.guess.wrong": "还不对，可以再猜。",
    "entry.sources": "依据",
    "entry.source": "依据 {n}：{title}",

    "skipped.interrupted": "已停下。",
    "skipped.withdrawn": "已撤回。",
    "skipped.muted": "您已被禁言，这个问题不再回答。",
    "skipped.other": "这个问题没能回答，已跳过。",

    "rejected.empty": "问题是空的。",
    "rejected.too_long": "问题太长了，请精简一些。",
    "rejected.busy": "排队的问题太多了，请过几分钟再问。",
    "rejected.too_many": "您已有问题在排队，回答之后再问吧。",
    "rejected.nothing_heard": "没有听清，请再说一次。",
    "rejected.microphone_taken": "另一位观众正在说话，请稍候。",
    "rejected.not_hands_free": "这个直播间需要按住按钮说话。",
    "rejected.no_question": "您请说。",
    "rejected.muted": "您已被禁言。如果有误，可以申诉，由人工处理。",
    "rejected.not_taken": "这条内容不适合在这里讨论，没有被接受。",
    "rejected.appealed": "您已经申诉过，正在等待人工处理。",
    "rejected.not_muted": "您没有被禁言，可以直接提问。",
    "appeal.ask": "申诉",
    "appeal.label": "说明为什么应当解除禁言",
    "appeal.sent": "申诉已送达，等待人工处理。",
    "rejected.too_fast": "问得太快了，请过一会儿再问。",
    "rejected.operators_only": "这个直播间讲什么由操作员决定。",
    "rejected.no_storyline": "现在没有这个内容可讲了。",
    "rejected.other": "这个问题没有被接受。",
    "trouble.not_yours": "只能停下您自己正在排队或正在回答的问题。",
    "trouble.hearing_unavailable": "语音识别暂时不可用，请打字提问。",
    "trouble.other": "出了点问题，请再试一次。",

    "rooms.title": "直播间",
    "rooms.lead": "数字人主播全天在线，欢迎提问。",
    "rooms.enter": "进入直播间",
    "rooms.kiosk": "一体机模式",
    "rooms.none": "还没有直播间在线。",
    "rooms.none.hint": "用 everhost serve ROOM.yaml 开播一个。",
    "rooms.failed": "读不到直播间列表，稍后自动重试。",
    "rooms.state.degraded": "准备中",
    "rooms.host": "主播：{host}",
    "rooms.console": "控制台",
    "cutout.key": "“key” 是一种鲜艳的颜色，写成六位十六进制，如 00b140。",

    "console.title": "控制台",
    "console.lead": "查看运行状态，用自己的声音通过主播说话，管理节目、问题队列和直播间的资料。",
    "console.operator": "操作员",
    "console.operator_lead": "插话和管理资料需要操作员令牌（EVERHOST_OPERATOR_TOKEN，或数据目录里的 operator.token 文件）。",
    "console.documents": "资料",
    "console.documents.lead": "主播只依据这里的资料回答。新放进来的文件几秒钟内即可按字词检索，随后按语义检索。",
    "console.documents.need_token": "请先在上方填写操作员令牌。",
    "console.documents.add": "添加文件",
    "console.documents.drop": "也可以把文件拖到这里：Markdown、文本、HTML、PDF、Word（.docx）、CSV、表格（.xlsx、.ods）。同名文件会被替换。",
    "console.documents.url": "或填写网页、文件的网址",
    "console.documents.fetch": "从网址添加",
    "console.documents.adding": "正在读取 {name}…",
    "console.documents.added": "{name}：已收入 {n} 段。",
    "console.documents.refused": "{name} 没有成功：{why}",
    "console.documents.skipped": "没有收入的文件",
    "console.documents.document": "文件",
    "console.documents.passages": "段落",
    "console.documents.embedding": "{all}（语义检索已就绪 {done}）",
    "console.documents.valid": "有效期",
    "console.documents.remove": "删除",
    "console.documents.sure": "再点一次，删除文件",
    "console.documents.none": "还没有资料，主播对任何问题都会婉拒。",
    "console.column.speak": "插话",
    "console.speak": "通过主播说话",
    "console.stop": "停止",
    "console.floor": "插话",
    "console.floor_lead": "主播会用您的声音说话，口型实时跟随。正在进行的回答会停下，尚未回答的问题稍后继续。",
    "console.token": "操作员令牌",
    "console.silent": "当前没有人插话。",
    "console.speaking": "您正在通过主播说话，所有观众都能听到。",
    "console.need_token": "请先填写操作员令牌（EVERHOST_OPERATOR_TOKEN，或数据目录里的 operator.token 文件）。",
    "console.need_microphone": "没有麦克风权限，或此页面不是 HTTPS。",
    "console.whip.token": "令牌不对。",
    "console.whip.taken": "已经有人在通过这位主播说话。",
    "console.whip.refused": "服务器没有接受。",
    "console.whip.gone": "联系不上服务器。",
    "console.health": "服务状态",
    "console.rooms": "直播间",
    "console.ok": "运行正常",
    "console.degraded": "部分功能未就绪",
    "console.gone": "联系不上服务器",
    "console.updated": "更新于 {time}",
    "console.raw": "/healthz 原文",
    "console.column.room": "直播间",
    "console.column.host": "主播",
    "console.column.state": "状态",
    "console.column.outlets": "推流与录制",
    "console.outlet.live": "正常",
    "console.outlet.connecting": "连接中",
    "console.outlet.waiting": "中断，稍后重试",
    "console.metrics": "Prometheus 指标",

    "kiosk.hold": "按住说话",
    "kiosk.release": "松开结束",
    "kiosk.open": "开始对话",
    "kiosk.close": "停止聆听",
    "kiosk.stop": "停止回答",
    "kiosk.again": "重新开始",
    "kiosk.greeting": "您好，想了解什么？",
    "kiosk.wake": "说一声“{word}”，开始对话",
    "noscript": "此页面需要启用 JavaScript。",
  },
  en: {
    "language.other": "中文",
    "language.switch": "切换到中文",
    "skip": "Skip to the conversation",
    "air.on": "On air",
    "air.off": "Offline",
    "air.connecting": "Connecting",

    "host.idle": "Here",
    "host.listening": "Listening",
    "host.thinking": "Thinking",
    "host.speaking": "Speaking",
    "host.elsewhere": "On another machine",

    "picture.label": "The host",
    "picture.unmute": "Turn on sound",
    "picture.play": "Play",
    "picture.mute": "Mute",
    "picture.sound": "Turn on sound",
    "picture.captions.on": "Show captions",
    "picture.captions.off": "Hide captions",
    "picture.fullscreen": "Full screen",
    "picture.window": "Leave full screen",

    "link.connecting": "Connecting to the picture…",
    "link.retry": "Trying again in {seconds} s",
    "link.rooms": "See all rooms",
    "link.messages": "Messages are cut off: {why}",
    "why.connection_lost": "The connection was lost.",
    "why.pass_needed": "This room is private: open it with a link that has a pass in it. Yours may have ended.",
    "why.server_gone": "The server cannot be reached. It may be restarting.",
    "why.room_not_found": "There is no such room. Please check the address.",
    "why.room_full": "The room is full. Waiting for a place.",
    "why.not_on_air": "The host is not on air yet.",
    "why.refused": "The server did not take the request for the picture.",
    "why.bad_answer": "The server's reply could not be used.",
    "why.ice_failed": "Sound and picture cannot get through this network. A firewall may be in the way.",
    "why.no_frames": "The picture stopped.",
    "why.offline": "Your device is offline.",
    "why.no_codec": "This browser can play neither H.264 nor VP8 video. Please use Chrome, Edge, Safari or Firefox. Typed questions still work.",
    "why.no_webrtc": "This browser has no WebRTC, so there is no picture. Typed questions still work.",

    "status.title": "The host is getting ready",
    "status.hint": "Models are still arriving. You can ask as soon as they are here.",
    "status.done": "{done} of {total}",
    "status.error": "Download failed: {error}",
    "status.starting": "Loading",

    "suggest.title": "You could ask",
    "story.title": "Let the host tell you",
    "log.label": "Conversation",
    "log.title": "Questions and answers",
    "log.empty": "Nobody has asked yet.",
    "log.empty.hint": "Type, or hold the microphone and speak.",
    "log.newer": "New below",
    "ask.label": "Your question",
    "ask.placeholder": "Ask a question",
    "ask.send": "Send",
    "ask.name": "Name (optional)",
    "ask.count": "{count} / {limit}",
    "ask.hint": "Enter sends, Shift + Enter starts a new line",

    "talk.hold": "Hold to talk",
    "talk.asking": "Please allow the microphone in the browser's question.",
    "talk.ready": "The microphone is ready. Hold the button and speak.",
    "talk.listening": "Listening. Let go when you are done.",
    "talk.open": "I am listening. Just speak.",
    "talk.recognising": "Recognising…",
    "talk.understood": "Understood: “{text}”",
    "talk.failed.insecure": "The microphone works on HTTPS or localhost pages only. Open this page with https:// (everhost serve --tls), or type your question.",
    "talk.failed.denied": "The microphone was not allowed. Allow it in the site settings of the address bar, then press again.",
    "talk.failed.missing": "No microphone was found. Plug one in, or type your question.",
    "talk.failed.busy": "The microphone could not be opened. Another program may be using it.",
    "talk.failed.no_link": "The picture is not connected yet, so the host cannot hear you. Try again shortly, or type.",
    "talk.failed.timeout": "No recognition came back. Please say it again.",
    "talk.failed.nothing_heard": "Nothing was understood. Please come closer and say it again.",

    "entry.you": "You",
    "entry.guest": "Viewer",
    "entry.sending": "Sending…",
    "entry.next": "Up next",
    "entry.waiting": "{count} ahead of you",
    "entry.queued": "Waiting",
    "entry.answering": "Preparing the answer…",
    "entry.speaking": "Speaking",
    "entry.refused": "Not covered by the sources, so not answered",
    "entry.stop": "Stop",
    "entry.stop.label": "Stop the host in this answer",
    "entry.withdraw": "Take back",
    "entry.withdraw.label": "Take this question back",
    "entry.retry": "Ask again",
    "entry.failed": "This was not delivered.",
    "entry.expired": "This question waited too long and has expired.",
    "entry.held": "This question is waiting for a moderator.",
    "entry.guess.right": "That is right!",
    "entry.guess.wrong": "Not quite. Guess again.",
    "entry.sources": "Sources",
    "entry.source": "Source {n}: {title}",

    "skipped.interrupted": "Stopped.",
    "skipped.withdrawn": "Taken back.",
    "skipped.muted": "You were muted, so this is not answered.",
    "skipped.other": "This question could not be answered and was skipped.",

    "rejected.empty": "The question is empty.",
    "rejected.too_long": "The question is too long. Please shorten it.",
    "rejected.busy": "Too many questions are waiting. Please ask again in a few minutes.",
    "rejected.too_many": "You have questions waiting already. Ask again when one is answered.",
    "rejected.nothing_heard": "Nothing was understood. Please say it again.",
    "rejected.microphone_taken": "Somebody else is speaking. Please wait a moment.",
    "rejected.not_hands_free": "In this room, hold the button while you speak.",
    "rejected.no_question": "Go ahead.",
    "rejected.muted": "You are muted. If that is a mistake, appeal, and a person looks at it.",
    "rejected.not_taken": "This cannot be taken up here.",
    "rejected.appealed": "You have appealed already; a person will look at it.",
    "rejected.not_muted": "You are not muted. Just ask.",
    "appeal.ask": "Appeal",
    "appeal.label": "Why is it a mistake?",
    "appeal.sent": "Your appeal has arrived; a person will look at it.",
    "rejected.too_fast": "That was quick. Ask again in a moment.",
    "rejected.operators_only": "In this room an operator chooses what is told.",
    "rejected.no_storyline": "The host does not tell this any more.",
    "rejected.other": "This question was not accepted.",
    "trouble.not_yours": "Only a question of yours that waits or is being answered can be stopped.",
    "trouble.hearing_unavailable": "Speech recognition is not available just now. Please type your question.",
    "trouble.other": "Something went wrong. Please try again.",

    "rooms.title": "Rooms",
    "rooms.lead": "A digital host is on air around the clock. Come in and ask.",
    "rooms.enter": "Enter the room",
    "rooms.kiosk": "Kiosk mode",
    "rooms.none": "No room is on air yet.",
    "rooms.none.hint": "Start one with everhost serve ROOM.yaml.",
    "rooms.failed": "The list of rooms cannot be read. Trying again shortly.",
    "rooms.state.degraded": "Getting ready",
    "rooms.host": "Host: {host}",
    "rooms.console": "Console",
    "cutout.key": "“key” is a vivid colour in six hexadecimal digits, as 00b140.",

    "console.title": "Console",
    "console.lead": "How things are; speaking through the host with your own voice; the programme, the questions and what the rooms know.",
    "console.operator": "Operator",
    "console.operator_lead": "Speaking through the host and changing documents need the operator's token (EVERHOST_OPERATOR_TOKEN, or the file operator.token in the data folder).",
    "console.documents": "Documents",
    "console.documents.lead": "The host answers from these alone. What is added is found by its words within seconds, and by its meaning soon after.",
    "console.documents.need_token": "Enter the operator's token above first.",
    "console.documents.add": "Add files",
    "console.documents.drop": "or drop them here: Markdown, text, HTML, PDF, Word (.docx), CSV, spreadsheets (.xlsx, .ods). A file of the same name is replaced.",
    "console.documents.url": "or from the address of a page or a file",
    "console.documents.fetch": "Add from the web",
    "console.documents.adding": "Reading {name}…",
    "console.documents.added": "{name} is taken in (passages: {n}).",
    "console.documents.refused": "{name} was not taken: {why}",
    "console.documents.skipped": "Files that were left out",
    "console.documents.document": "File",
    "console.documents.passages": "Passages",
    "console.documents.embedding": "{all} ({done} found by meaning so far)",
    "console.documents.valid": "Valid",
    "console.documents.remove": "Remove",
    "console.documents.sure": "Press again to delete the file",
    "console.documents.none": "There are no documents yet: the host will decline every question.",
    "console.column.speak": "Speak",
    "console.speak": "Speak through the host",
    "console.stop": "Stop",
    "console.floor": "Speaking through the host",
    "console.floor_lead": "The host speaks with your voice, and the lips follow it. An answer that is being spoken stops; questions not answered yet go on afterwards.",
    "console.token": "Operator's token",
    "console.silent": "Nobody speaks through a host now.",
    "console.speaking": "You are speaking through the host. Everybody hears you.",
    "console.need_token": "Enter the operator's token first (EVERHOST_OPERATOR_TOKEN, or the file operator.token in the data folder).",
    "console.need_microphone": "The microphone is not allowed, or this page does not come over HTTPS.",
    "console.whip.token": "The token is not right.",
    "console.whip.taken": "Somebody speaks through this host already.",
    "console.whip.refused": "The server did not take it.",
    "console.whip.gone": "The server cannot be reached.",
    "console.health": "Service",
    "console.rooms": "Rooms",
    "console.ok": "Running well",
    "console.degraded": "Some parts are not ready",
    "console.gone": "The server cannot be reached",
    "console.updated": "Updated {time}",
    "console.raw": "/healthz as sent",
    "console.column.room": "Room",
    "console.column.host": "Host",
    "console.column.state": "State",
    "console.column.outlets": "Pushed and recorded",
    "console.outlet.live": "live",
    "console.outlet.connecting": "connecting",
    "console.outlet.waiting": "broken off, will be tried again",
    "console.metrics": "Prometheus metrics",

    "kiosk.hold": "Hold to talk",
    "kiosk.release": "Let go when done",
    "kiosk.open": "Touch to talk",
    "kiosk.close": "Stop listening",
    "kiosk.stop": "Stop the answer",
    "kiosk.again": "Start over",
    "kiosk.greeting": "Hello. What would you like to know?",
    "kiosk.wake": "Say “{word}” to begin",
    "noscript": "This page needs JavaScript.",
  },
};

const TAGS = { zh: "zh-Hans", en: "en" };

/** Event `change`: the viewer switched the language. */
class Language extends EventTarget {
  current = chosen() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

  get other() {
    return this.current === "zh" ? "en" : "zh";
  }

  /** Switch to the other language and remember it. */
  toggle() {
    this.current = this.other;
    memory.set("language", this.current);
    translate();
    this.dispatchEvent(new Event("change"));
  }
}

function chosen() {
  const remembered = memory.get("language");
  return remembered in STRINGS ? remembered : null;
}

export const language = new Language();

/** The words for `key`, with `{name}` filled from `values`. */
export function t(key, values = {}) {
  const words = STRINGS[language.current][key];
  if (words === undefined) throw new Error(`no words for ${key}`);
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words for `prefix.name` where there are any, else those for `prefix.other` or `otherwise`. */
export function known(prefix, name, otherwise = null) {
  if (`${prefix}.${name}` in STRINGS[language.current]) return t(`${prefix}.${name}`);
  return otherwise || t(`${prefix}.other`);
}

/** A room's state in words: what its host is doing, or that it is getting ready. */
export function condition(state) {
  return state === "degraded" ? t("rooms.state.degraded") : `${t("air.on")} · ${known("host", state, state)}`;
}

/** The viewer's language out of what the room says in several; plain text stays as it is. */
export function pick(words) {
  if (words === null || typeof words !== "object" || Array.isArray(words)) return words ?? "";
  return words[language.current] ?? words[language.other] ?? Object.values(words)[0] ?? "";
}

/** Put the words into the page: `data-i18n` is an element's text, `data-i18n-NAME` its attribute NAME. */
export function translate(root = document) {
  document.documentElement.lang = TAGS[language.current];
  for (const holder of root.querySelectorAll("[data-i18n]")) holder.textContent = t(holder.dataset.i18n);
  for (const name of ["aria-label", "placeholder", "title"]) {
    for (const holder of root.querySelectorAll(`[data-i18n-${name}]`)) {
      holder.setAttribute(name, t(holder.getAttribute(`data-i18n-${name}`)));
    }
  }
}
