/**
 * `nsd.source`: one door for both worlds. With a root it takes the published tree where it lies (nothing is copied, every file enters the key by
 * its content); without one it takes the simulator's tree. What follows cannot tell the two apart.
 */
import { Type } from '@sinclair/typebox';
import { PipelineError } from '../../core/errors.js';
import { SELECTION, selectNsdFiles } from '../nsd/layout.js';
import { choice, defineStage } from '../define.js';

export default defineStage({
  type: 'nsd.source',
  version: 2,
  summary: 'Chooses the files of one NSD subject, from the published data set or from the simulator.',
  description: [
    'With `root` the published tree is used where it lies: betas (`.hdf5` or `.nii.gz`), region-of-interest volumes with their colour tables, `nsd_expdesign.mat`, `nsd_stim_info_merged.csv`, `nsd_stimuli.hdf5` and `ncsnr.nii.gz`. Nothing is copied; each file enters the key under its name in the data set with the digest of its content, so the same data under another path are the same key. Artifacts made from it are flagged as restricted, because NSD may not be redistributed.',
    'Without `root` the tree of the connected `nsd.simulate` stage is used.',
  ].join('\n\n'),
  params: Type.Object(
    {
      root: Type.String({ default: '', 'x-external': 'directory', description: 'root of the NSD data set; empty: use the simulated subject' }),
      subject: Type.Integer({ minimum: 1, maximum: 8, default: 1, description: 'subject 1 … 8' }),
      sessions: Type.Integer({ minimum: 0, maximum: 40, default: 0, description: 'number of sessions from the first on; 0: all there are' }),
      space: choice(['func1pt8mm', 'func1mm'], { default: 'func1pt8mm', description: 'volume space of betas and regions' }),
      betas: choice(['betas_assumehrf', 'betas_fithrf', 'betas_fithrf_GLMdenoise_RR'], {
        default: 'betas_fithrf_GLMdenoise_RR',
        description: 'version of the single-trial betas (b1, b2, b3)',
      }),
      format: choice(['auto', 'hdf5', 'nii.gz'], { default: 'auto', description: 'which of the two files per session to read; auto: the one with more sessions, .hdf5 when equal' }),
      roi_sets: Type.Array(Type.String({ minLength: 1 }), {
        default: ['floc-faces', 'floc-bodies', 'floc-places', 'floc-words', 'prf-visualrois'],
        uniqueItems: true,
        description: 'names of the region-of-interest volumes',
      }),
      annotations: Type.Boolean({ default: false, description: 'take the object annotations of COCO 2017 along (`coco_anns/instances_{train,val}2017.json` under the root), for stimuli.select' }),
      captions: Type.Boolean({ default: false, description: 'take the captions of COCO 2017 along (`coco_anns/captions_{train,val}2017.json` under the root), for text.features' }),
    },
    { additionalProperties: false },
  ),
  inputs: { simulated: { type: 'Nsd', description: 'tree of the simulated subject, used when there is no root', optional: true } },
  outputs: { nsd: { type: 'Nsd', description: 'the chosen files under their NSD names, and selection.json' } },
  needs: [],
  random: false,
  runs: 'inline',
  resources: { cpus: 1, memoryMb: 200 },
  async run({ params, inputs, outputs, externals, log }) {
    const writer = outputs.nsd;
    if (params.root !== '') {
      const names = [...externals.keys()];
      const selection = selectNsdFiles(params, names, (name) => externals.has(name), params.root);
      for (const name of selection.files) writer.external(name, name);
      writer.json(SELECTION, selection);
      writer.restrict();
      log(`${selection.files.length} files, ${selection.sessions} sessions, ${selection.format}`);
      return;
    }
    const simulated = inputs.simulated;
    if (simulated === undefined) {
      throw new PipelineError('E_MISSING_INPUT', '"nsd.source" has no data: no root is given and no simulator is connected', {
        facts: { expected: 'params.root, or the input "simulated"', found: 'neither' },
        hint: 'Set the root of the data set (params.nsd or NSD_ROOT in the example pipelines), or connect a nsd.simulate stage.',
      });
    }
    const names = simulated.files.map((file) => file.name);
    const selection = selectNsdFiles(params, names, (name) => simulated.has(name), 'the simulated tree');
    for (const name of selection.files) writer.adopt(name, simulated.file(name));
    writer.json(SELECTION, selection);
    log(`${selection.files.length} files of the simulated subject, ${selection.sessions} sessions, ${selection.format}`);
  },
});
