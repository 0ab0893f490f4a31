/** HDF5 files: reading by hyperslab and streamed writing. Importing this loads the library (WebAssembly), so import it in stage code only. */
export { openHdf5, type Hdf5Dataset, type Hdf5File } from './reader.js';
export type { Range } from './range.js';
export { Hdf5Writer, type DatasetOptions } from './writer.js';
