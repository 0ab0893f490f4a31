/** COCO's captions of the photographs that NSD shows crops of. */
import { PipelineError } from '../../core/errors.js';
import { readJsonRecords } from '../../formats/json-records.js';

/**
 * By COCO's number, in the order of the captions' own numbers, whatever the order of the files.
 * @param paths of the caption annotations; photographs are looked for in all of them
 * Errors: E_FORMAT for a caption that cannot be read; E_DATA for a photograph without one.
 */
export async function captionsOf(paths: readonly string[], photographs: ReadonlySet<number>): Promise<ReadonlyMap<number, readonly string[]>> {
  const found = new Map<number, { readonly id: number; readonly caption: string }[]>();
  for (const path of paths) {
    await readJsonRecords(path, {
      annotations: (record) => {
        const { id, image_id: photograph, caption } = record as { id?: unknown; image_id?: unknown; caption?: unknown };
        if (!photographs.has(photograph as number)) return;
        if (typeof caption !== 'string' || typeof id !== 'number') {
          throw new PipelineError('E_FORMAT', `a caption of photograph ${String(photograph)} cannot be read`, { facts: { expected: 'an id and a caption', found: JSON.stringify(record).slice(0, 100), path }, hint: 'Give the caption annotations as COCO publishes them.' });
        }
        found.set(photograph as number, [...(found.get(photograph as number) ?? []), { id, caption }]);
      },
    });
  }
  for (const photograph of photographs) {
    if (!found.has(photograph)) {
      throw new PipelineError('E_DATA', `photograph ${photograph} of COCO has no caption`, { facts: { expected: `captions of ${photographs.size} photographs`, found: `of ${found.size}`, path: paths.join(', ') }, hint: 'Give the captions of both parts of COCO 2017, train and val.' });
    }
  }
  return new Map([...found].map(([photograph, captions]) => [photograph, captions.sort((a, b) => a.id - b.id).map(({ caption }) => caption)]));
}
