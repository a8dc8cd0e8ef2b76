import type { Attributes, Resource } from "../resource.js";

export interface CameraImage {
  readonly sourceName: string;
  readonly mimeType: string;
  readonly data: Uint8Array;
}

export interface CameraImages {
  readonly images: readonly CameraImage[];
  /** Wall time at which they were taken, in ms since the Unix epoch. */
  readonly capturedAtMs: number;
}

export interface CameraProperties {
  readonly mimeTypes: readonly string[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRateHz: number;
}

/** Anything that takes pictures. */
export interface Camera extends Resource {
  /** The newest pictures of these sources; an empty list or unknown names ask for all, as with Viam. */
  images(sourceNames: readonly string[], extra: Attributes): Promise<CameraImages>;
  /** Absent: GetPointCloud answers UNIMPLEMENTED, and GetProperties says so. */
  pointCloud?(mimeType: string, extra: Attributes): Promise<{ readonly mimeType: string; readonly data: Uint8Array }>;
  properties(): Promise<CameraProperties>;
}
