/** Bytes that a session holds. Nothing else is allocated while it runs. */
export interface MemoryUse {
  readonly variables: number;
  readonly arena: number;
  readonly io: number;
  /** Private space of kernels; engines without any say 0. */
  readonly scratch: number;
}
