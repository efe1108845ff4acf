/** The viewer's microphone: got once, silent unless the viewer is talking. */

/** Why there is no microphone; `reason` is a key that the pages have words for. */
export class MicrophoneError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Microphone {
  #track;
  #meter;
  #samples;

  constructor(stream) {
    this.#track = stream.getAudioTracks()[0];
    this.#track.enabled = false;
    const context = new AudioContext();
    this.#meter = context.createAnalyser();
    this.#meter.fftSize = 512;
    this.#samples = new Float32Array(this.#meter.fftSize);
    context.createMediaStreamSource(stream).connect(this.#meter);
  }

  /** Ask the viewer for the microphone. Throws MicrophoneError. */
  static async open() {
    // Browsers offer it to secure pages only; elsewhere the whole interface is absent.
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("insecure");
    try {
      // Suppression of noise is for human ears. With the echo canceller it cut holes into words until "the divorce
      // cooling off period" was heard as "it going to last for you"; recognizers learn from noisy recordings anyway.
      const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: true };
      return new Microphone(await navigator.mediaDevices.getUserMedia({ audio }));
    } catch (error) {
      const reasons = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing" };
      throw new MicrophoneError(reasons[error.name] ?? "busy");
    }
  }

  get track() {
    return this.#track;
  }

  /** False once the device was unplugged or the permission taken back. */
  get alive() {
    return this.#track.readyState === "live";
  }

  set on(value) {
    this.#track.enabled = value;
  }

  /** How loud it is now, 0 to 1, on a scale that suits speech. */
  level() {
    this.#meter.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-9);
    return Math.min(1, Math.max(0, (decibels + 60) / 45));
  }
}
