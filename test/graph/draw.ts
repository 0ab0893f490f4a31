/** Values for the ports of operator cases, by the domain of each port. */
import type { Random } from '../../src/core/random.js';
import { allocate, sizeOf } from '../../src/core/tensor.js';
import type { Tensor } from '../../src/core/tensor.js';
import { dtypeOf } from './operator-cases.js';
import type { Port } from './operator-cases.js';

/** Random values; a normal draw comes so near a kink that a difference step crosses it with a probability of about 1e-5. */
export function draw(port: Port, random: Random): Tensor {
  const { domain = 'real' } = port;
  const dtype = dtypeOf(domain);
  const data = allocate(dtype, sizeOf(port.shape));
  const order = typeof domain === 'object' && 'distinctBelow' in domain ? random.permutation(domain.distinctBelow) : undefined;
  for (let i = 0; i < data.length; i += 1) {
    if (domain === 'bool') data[i] = random.integer(0, 2);
    else if (domain === 'positive') data[i] = random.uniform(0.5, 2);
    else if (domain === 'unit') data[i] = random.uniform(-0.9, 0.9);
    else if (domain === 'special') data[i] = [NaN, Infinity, -Infinity, 0, 1.5][random.integer(0, 5)] as number;
    else if (domain === 'sparse') data[i] = random.integer(0, 3) === 0 ? 0 : random.normal();
    else if (domain === 'halves') data[i] = random.integer(-9, 10) / 2;
    else if (domain === 'real') data[i] = random.normal();
    else data[i] = BigInt(order === undefined ? random.integer(0, (domain as { below: number }).below) : (order[i] as number));
  }
  return { dtype, shape: port.shape, data };
}
