/** BatchNormalization with stored statistics as one scale and one shift per channel; LayerNormalization over the last axes. */
import { operandAt } from '../kernel.js';
import type { Kernel } from '../kernel.js';
import { permute, lastOrder } from '../operand.js';
import type { T } from '../tf.js';

export const normalizationKernels = {
  BatchNormalization: (node) => {
    const { tf } = node;
    if (node.int('training_mode', 0) !== 0) node.refuse('statistics of the batch', 'training_mode 0', '1');
    const rank = node.rank();
    const epsilon = node.keep(() => tf.scalar(node.int('epsilon', 1e-5)));
    return (inputs) => {
      const { tensor, last } = operandAt(inputs, 0).either();
      const [scale, shift, mean, variance] = inputs.slice(1).map((input) => (input as NonNullable<typeof input>).plain()) as [T, T, T, T];
      const slope = tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));
      const spread = (x: T): T => {
        const column = tf.reshape(x, Array.from({ length: rank }, (_, axis) => (axis === 1 ? x.size : 1)));
        return last ? permute(tf, column, lastOrder(rank)) : column;
      };
      return [{ tensor: tf.add(tf.mul(tensor, spread(slope)), spread(tf.sub(shift, tf.mul(mean, slope)))), last }];
    };
  },

  /** Further outputs: mean and 1/sqrt(var + epsilon). */
  LayerNormalization: (node) => {
    const { tf } = node;
    const rank = node.rank();
    const axis = node.axis(node.int('axis', -1), rank);
    const axes = Array.from({ length: rank - axis }, (_, i) => axis + i);
    const epsilon = node.keep(() => tf.scalar(node.int('epsilon', 1e-5)));
    return (inputs) => {
      const x = operandAt(inputs, 0).plain();
      const mean = tf.mean(x, axes, true);
      const centred = tf.sub(x, mean);
      const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes, true), epsilon));
      const scaled = tf.mul(tf.mul(centred, inverse), operandAt(inputs, 1).plain());
      const y = inputs[2] === undefined ? scaled : tf.add(scaled, inputs[2].plain());
      return [y, mean, inverse].slice(0, node.outputCount).map((tensor) => ({ tensor, last: false }));
    };
  },
} satisfies Record<string, Kernel>;
