/** Faces and bodies in the object frame [−½, ½]², and their scrambled counterparts: the same parts at random places, without configuration. */
import type { Random } from '../../../core/random.js';
import { HAIR, IRIS, SKIN, jittered, randomColour, scaled } from './colour.js';
import type { Canvas } from './canvas.js';
import type { Rgb } from './colour.js';

const WHITE_OF_EYE: Rgb = [0.97, 0.97, 0.95];
const PUPIL: Rgb = [0.03, 0.03, 0.03];
const SHOE: Rgb = [0.12, 0.1, 0.1];
const SOCKET_SHADE = 0.72;

/** `canonical`: looking straight ahead, for the brain's exemplars. */
export function drawFace(canvas: Canvas, random: Random, canonical = false): void {
  canvas.begin();
  const skin = jittered(random, random.pick(SKIN));
  const hair = jittered(random, random.pick(HAIR));
  const w = random.uniform(0.34, 0.4);
  const turn = canonical ? 0 : random.normal(0, 0.025);
  const dark = scaled(skin, SOCKET_SHADE);
  const style = random.integer(0, 3);
  if (style === 0) canvas.ellipse(0, -0.08, w + 0.07, 0.44, hair, { shade: 0.2 });
  else if (style === 1) canvas.ellipse(0, -0.02, w + 0.09, 0.5, hair, { shade: 0.2 });
  else canvas.ellipse(0, -0.14, w + 0.04, 0.36, hair, { shade: 0.2 });
  canvas.ellipse(-w, 0, 0.05, 0.08, scaled(skin, 0.9));
  canvas.ellipse(w, 0, 0.05, 0.08, scaled(skin, 0.9));
  canvas.ellipse(0, 0.05, w, 0.45, skin, { shade: 0.18 });
  canvas.ellipse(turn, -0.33, w * 0.9, 0.11, hair, { shade: 0.1 });
  const eyeX = random.uniform(0.145, 0.175);
  const eyeY = -0.03;
  const eyeRadius = random.uniform(0.06, 0.08);
  const iris = random.pick(IRIS);
  const gaze = random.normal(0, 0.01);
  const brow = random.normal(0, 0.012);
  for (const side of [-1, 1]) {
    const x = side * eyeX + turn;
    drawEye(canvas, x, eyeY, eyeRadius, gaze, dark, iris);
    canvas.capsule(x - side * 0.07, eyeY - 0.115 - brow * 1.5, x + side * 0.085, eyeY - 0.105 + brow * 1.5, 0.017, scaled(hair, 0.6));
  }
  canvas.capsule(turn * 1.6, eyeY + 0.03, turn * 1.8 + 0.01, 0.15, 0.02, dark, { alpha: 0.6 });
  canvas.ellipse(turn * 1.8, 0.17, 0.06, 0.03, dark, { alpha: 0.85 });
  const mouthWidth = random.uniform(0.1, 0.15);
  const mouthHeight = random.uniform(0.02, 0.05);
  const smile = random.uniform(-0.01, 0.03);
  const lip = lipColour(skin);
  const mouthX = turn * 1.4;
  canvas.ellipse(mouthX, 0.3, mouthWidth, mouthHeight + 0.012, lip);
  for (const side of [-1, 1]) canvas.capsule(mouthX + side * mouthWidth * 0.85, 0.3 - smile, mouthX, 0.3, 0.012, scaled(lip, 0.45));
  canvas.end('face');
}

function drawEye(canvas: Canvas, x: number, y: number, radius: number, gaze: number, socket: Rgb, iris: Rgb): void {
  canvas.ellipse(x, y, radius * 1.35, radius * 1.1, socket, { alpha: 0.6 });
  canvas.ellipse(x, y, radius * 1.1, radius * 0.72, WHITE_OF_EYE);
  canvas.ellipse(x + gaze, y, radius * 0.62, radius * 0.66, iris);
  canvas.ellipse(x + gaze, y, radius * 0.32, radius * 0.34, PUPIL);
}

function lipColour(skin: Rgb): Rgb {
  return [skin[0] * 0.85, skin[1] * 0.5, skin[2] * 0.5];
}

/** Seen from behind, so that a body never shows a face. */
export function drawBody(canvas: Canvas, random: Random, canonical = false): void {
  canvas.begin();
  const skin = jittered(random, random.pick(SKIN));
  const hair = jittered(random, random.pick(HAIR));
  const top = randomColour(random, [0.3, 0.9], [0.25, 0.9]);
  const bottom = randomColour(random, [0.1, 0.8], [0.12, 0.6]);
  const freedom = canonical ? 0.5 : 1;
  const arms = [random.uniform(0.15, 0.15 + 1.1 * freedom), random.uniform(0.15, 0.15 + 1.1 * freedom)] as const;
  const legs = [random.uniform(0.06, 0.06 + 0.38 * freedom), random.uniform(0.06, 0.06 + 0.38 * freedom)] as const;
  const torso = random.uniform(0.095, 0.125);
  const shade = { shade: 0.1 };
  for (const [side, angle] of [[-1, legs[0]], [1, legs[1]]] as const) {
    const hipX = side * 0.055;
    const hipY = 0.06;
    const kneeX = hipX + side * Math.sin(angle) * 0.21;
    const kneeY = hipY + Math.cos(angle) * 0.21;
    const shin = angle * random.uniform(0.1, 0.6);
    const footX = kneeX + side * Math.sin(shin) * 0.2;
    const footY = kneeY + Math.cos(shin) * 0.2;
    canvas.capsule(hipX, hipY, kneeX, kneeY, 0.058, bottom, shade);
    canvas.capsule(kneeX, kneeY, footX, footY, 0.045, bottom, shade);
    canvas.capsule(footX, footY, footX + side * 0.05, footY + 0.012, 0.028, SHOE);
  }
  for (const [side, angle] of [[-1, arms[0]], [1, arms[1]]] as const) {
    const shoulderX = side * (torso + 0.005);
    const shoulderY = -0.25;
    const elbowX = shoulderX + side * Math.sin(angle) * 0.17;
    const elbowY = shoulderY + Math.cos(angle) * 0.17;
    const forearm = angle + random.uniform(-0.5, 1) * freedom;
    const handX = elbowX + side * Math.sin(forearm) * 0.16;
    const handY = elbowY + Math.cos(forearm) * 0.16;
    canvas.capsule(shoulderX, shoulderY, elbowX, elbowY, 0.042, top, shade);
    canvas.capsule(elbowX, elbowY, handX, handY, 0.032, skin, shade);
    canvas.ellipse(handX, handY, 0.037, 0.037, skin);
  }
  canvas.polygon([[-torso - 0.035, -0.29], [torso + 0.035, -0.29], [torso - 0.01, 0.09], [-torso + 0.01, 0.09]], top, { shade: 0.25 });
  canvas.capsule(-torso * 0.9, -0.27, torso * 0.9, -0.27, 0.035, top, shade);
  canvas.capsule(0, -0.34, 0, -0.3, 0.035, skin);
  canvas.ellipse(0, -0.4, 0.072, 0.09, hair, { shade: 0.2 });
  canvas.end('body');
}

/** A skin oval with hair and 4 to 10 eyes, mouths and brows anywhere in it. */
export function drawScrambledFace(canvas: Canvas, random: Random): void {
  canvas.begin();
  const skin = jittered(random, random.pick(SKIN));
  const hair = jittered(random, random.pick(HAIR));
  const w = random.uniform(0.34, 0.4);
  const dark = scaled(skin, SOCKET_SHADE);
  if (random.uniform() < 0.6) canvas.ellipse(0, -0.08, w + 0.07, 0.44, hair, { shade: 0.2 });
  canvas.ellipse(0, 0.05, w, 0.45, skin, { shade: 0.18 });
  if (random.uniform() < 0.5) canvas.ellipse(random.normal(0, 0.15), random.pick([-0.33, 0.1, 0.4]), w * 0.8, 0.11, hair, { shade: 0.1 });
  const iris = random.pick(IRIS);
  const lip = lipColour(skin);
  const parts = random.integer(4, 11);
  for (let part = 0; part < parts; part += 1) {
    const x = random.uniform(-0.26, 0.26);
    const y = random.uniform(-0.3, 0.42);
    const kind = random.integer(0, 4);
    const radius = random.uniform(0.06, 0.08);
    if (kind <= 1) {
      drawEye(canvas, x, y, radius, 0, dark, iris);
    } else if (kind === 2) {
      canvas.ellipse(x, y, random.uniform(0.1, 0.15), random.uniform(0.03, 0.06), lip);
      canvas.capsule(x - 0.1, y, x + 0.1, y, 0.012, scaled(lip, 0.45));
    } else {
      canvas.capsule(x - 0.08, y, x + 0.08, y + random.normal(0, 0.02), 0.017, scaled(hair, 0.6));
    }
  }
  canvas.end('clutter');
}

/** Limbs, torsos and heads strewn over the frame. */
export function drawScrambledBody(canvas: Canvas, random: Random): void {
  canvas.begin();
  const skin = jittered(random, random.pick(SKIN));
  const hair = jittered(random, random.pick(HAIR));
  const top = randomColour(random, [0.3, 0.9], [0.25, 0.9]);
  const bottom = randomColour(random, [0.1, 0.8], [0.12, 0.6]);
  const parts = random.integer(4, 10);
  for (let part = 0; part < parts; part += 1) {
    const x = random.uniform(-0.35, 0.35);
    const y = random.uniform(-0.42, 0.42);
    const angle = random.uniform(0, Math.PI);
    const kind = random.integer(0, 4);
    const length = random.uniform(0.08, 0.12);
    const dx = Math.cos(angle) * length;
    const dy = Math.sin(angle) * length;
    if (kind === 0) canvas.capsule(x - dx, y - dy, x + dx, y + dy, 0.055, bottom, { shade: 0.1 });
    else if (kind === 1) canvas.capsule(x - dx, y - dy, x + dx, y + dy, 0.036, skin, { shade: 0.1 });
    else if (kind === 2) canvas.ellipse(x, y, 0.072, 0.09, hair, { shade: 0.2 });
    else canvas.polygon([[x - dx - dy, y - dy + dx], [x + dx - dy, y + dy + dx], [x + dx + dy, y + dy - dx], [x - dx + dy, y - dy - dx]], top, { shade: 0.25 });
  }
  canvas.end('clutter');
}
