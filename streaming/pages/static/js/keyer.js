/**
 * Draws a video without its background: before a canvas' own, in WebGL.
 *
 * What stands before the key colour K is C = a F + (1 - a) K. A host's own colours F hardly lean towards the key, so how
 * far the chroma of C does, along K's, is 1 - a; and C - (1 - a) K is the host, multiplied by a.
 */

const CORNERS = new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]);
const PLACE = `
attribute vec2 corner;
varying vec2 at;
void main() {
  at = vec2(corner.x, -corner.y) * 0.5 + 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;
const PAINT = `
precision mediump float;
uniform sampler2D picture;
uniform vec3 key;
varying vec2 at;
/* Cb and Cr of BT.709. */
vec2 chroma(vec3 rgb) {
  float luma = dot(rgb, vec3(0.2126, 0.7152, 0.0722));
  return vec2((rgb.b - luma) / 1.8556, (rgb.r - luma) / 1.5748);
}
void main() {
  vec3 seen = texture2D(picture, at).rgb;
  vec2 towards = chroma(key);
  float leaning = dot(chroma(seen), towards) / dot(towards, towards);
  /* What a codec makes of either end is meant to be that end. */
  float behind = clamp((leaning - 0.08) / 0.84, 0.0, 1.0);
  gl_FragColor = vec4(max(seen - behind * key, 0.0), 1.0 - behind);
}`;

/** "#00b140" as numbers from 0 to 1; null for what is no colour, or too grey to be told from a host by its hue. */
export function colour(text) {
  const digits = /^#?([0-9a-f]{6})$/i.exec(text)?.[1];
  if (!digits) return null;
  const rgb = [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16) / 255);
  return Math.max(...rgb) - Math.min(...rgb) > 0.3 ? rgb : null;
}

export class Keyer {
  #video;
  #canvas;
  #gl;

  /** `key`: three numbers from 0 to 1. Throws where there is no WebGL. */
  constructor(video, canvas, key) {
    this.#video = video;
    this.#canvas = canvas;
    this.#gl = canvas.getContext("webgl", { antialias: false, depth: false });
    if (!this.#gl) throw new Error("this browser has no WebGL");
    this.#prepare(key);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.#prepare(key));
    this.#next();
  }

  #prepare(key) {
    const gl = this.#gl;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, PLACE],
      [gl.FRAGMENT_SHADER, PAINT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, CORNERS, gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.uniform3fv(gl.getUniformLocation(program, "key"), key);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
      [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) {
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    }
  }

  /** With each picture of the video; where a browser does not tell of them, with each of its own. */
  #next() {
    const draw = () => {
      this.#draw();
      this.#next();
    };
    if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(draw);
    else requestAnimationFrame(draw);
  }

  #draw() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const gl = this.#gl;
    if (!width || gl.isContextLost()) return;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, this.#video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}
