import { expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { SERVICE_IDENTITIES, serviceIdentity } from '../../src/cli/registry.js';
import { createOnnxRuntimeService } from '../../src/runtime/onnxruntime-service.js';

test('the identities that keys are made with are those that the services have', async () => {
  const tensor = createOnnxRuntimeService({ threads: 1 });
  expect(SERVICE_IDENTITIES).toEqual({ tensor: tensor.identity(), downloads: 'sha256' });
  await tensor.dispose();
});

test('an unknown service is an error of the environment', () => {
  expect(() => serviceIdentity('gpu')).toThrow(PipelineError);
});
