/** Objects of no category: cup, ball, star, chair, fruit, car, flower, bottle; each in the object frame [−½, ½]². */
import type { Random } from '../../../core/random.js';
import { randomColour, scaled } from './colour.js';
import type { Canvas, Point } from './canvas.js';
import type { Rgb } from './colour.js';

const GREEN: Rgb = [0.2, 0.5, 0.2];
const BARK: Rgb = [0.3, 0.2, 0.1];
const WINDOW: Rgb = [0.6, 0.75, 0.85];
const TYRE: Rgb = [0.08, 0.08, 0.08];
const HUB: Rgb = [0.6, 0.6, 0.6];
const STAR: readonly Point[] = Array.from({ length: 10 }, (_, i) => {
  const angle = (i * Math.PI) / 5 - Math.PI / 2;
  const radius = i % 2 === 0 ? 0.48 : 0.2;
  return [Math.cos(angle) * radius, Math.sin(angle) * radius] as const;
});
const PETALS = 7;

export function drawThing(canvas: Canvas, random: Random): void {
  canvas.begin();
  const kind = random.integer(0, 8);
  const a = randomColour(random, [0.3, 0.95], [0.3, 0.95]);
  const b = randomColour(random, [0.1, 0.9], [0.15, 0.9]);
  switch (kind) {
    case 0: // cup
      canvas.capsule(0.25, -0.15, 0.38, 0, 0.05, scaled(a, 0.8));
      canvas.capsule(0.38, 0, 0.25, 0.16, 0.05, scaled(a, 0.8));
      canvas.polygon([[-0.3, -0.35], [0.3, -0.35], [0.22, 0.4], [-0.22, 0.4]], a, { shade: 0.3 });
      canvas.ellipse(0, -0.35, 0.3, 0.08, b);
      break;
    case 1: // ball
      canvas.ellipse(0, 0, 0.42, 0.42, a, { shade: 0.4 });
      canvas.capsule(-0.38, 0.1, 0.38, -0.1, 0.03, b);
      canvas.capsule(-0.1, -0.38, 0.12, 0.38, 0.03, b);
      break;
    case 2:
      canvas.polygon(STAR, a, { shade: 0.3 });
      break;
    case 3: // chair
      canvas.polygon([[-0.25, -0.45], [0.15, -0.45], [0.15, 0], [-0.25, 0]], a, { shade: 0.2 });
      canvas.polygon([[-0.3, 0], [0.3, 0], [0.35, 0.1], [-0.3, 0.1]], b);
      for (const x of [-0.27, 0.28]) canvas.capsule(x, 0.1, x, 0.46, 0.03, scaled(b, 0.7));
      break;
    case 4: // fruit
      canvas.ellipse(-0.12, 0.05, 0.28, 0.34, a, { shade: 0.3 });
      canvas.ellipse(0.12, 0.05, 0.28, 0.34, a, { shade: 0.3 });
      canvas.capsule(0, -0.2, 0.06, -0.42, 0.02, BARK);
      canvas.ellipse(0.15, -0.36, 0.12, 0.05, GREEN);
      break;
    case 5: // car
      canvas.polygon([[-0.48, 0], [-0.3, -0.02], [-0.18, -0.2], [0.18, -0.2], [0.3, -0.02], [0.48, 0.02], [0.48, 0.18], [-0.48, 0.18]], a, { shade: 0.2 });
      canvas.polygon([[-0.2, -0.03], [-0.13, -0.16], [0.14, -0.16], [0.21, -0.03]], WINDOW);
      for (const x of [-0.28, 0.28]) {
        canvas.ellipse(x, 0.18, 0.1, 0.1, TYRE);
        canvas.ellipse(x, 0.18, 0.045, 0.045, HUB);
      }
      break;
    case 6: // flower
      canvas.capsule(0, 0, 0.03, 0.48, 0.02, GREEN);
      for (let i = 0; i < PETALS; i += 1) {
        const angle = (i * 2 * Math.PI) / PETALS;
        canvas.ellipse(0.22 * Math.cos(angle), -0.15 + 0.22 * Math.sin(angle), 0.13, 0.13, a, { shade: 0.2 });
      }
      canvas.ellipse(0, -0.15, 0.12, 0.12, b);
      break;
    default: // bottle
      canvas.polygon([[-0.13, -0.15], [0.13, -0.15], [0.16, 0.46], [-0.16, 0.46]], a, { shade: 0.3 });
      canvas.capsule(0, -0.4, 0, -0.2, 0.06, a);
      canvas.polygon([[-0.14, 0.05], [0.14, 0.05], [0.15, 0.28], [-0.15, 0.28]], b);
  }
  canvas.end('object');
}
