/**
 * What a stage that declares `needs: ['downloads']` is handed: files from a URL, named by their sha256. Implemented in `downloads/`; it has no
 * numeric identity, because the sha256 already says what the bytes are.
 */
export interface DownloadRequest {
  readonly url: string;
  /** 64 hexadecimal digits: what the bytes must be; nothing is handed over that has another digest */
  readonly sha256: string;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  progress?(done: number, total: number | undefined): void;
}

export interface DownloadService {
  /** The path of the verified file, fetched (or resumed) only if it is not there. Errors: E_DOWNLOAD saying which file to put where when it cannot be fetched. */
  obtain(request: DownloadRequest, options?: DownloadOptions): Promise<string>;
}
