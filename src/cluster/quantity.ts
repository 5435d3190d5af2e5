// Kubernetes quantities of processor and memory: `250m`, `1.5`, `128Mi`, `1G`.

const FACTORS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["m", 1 / 1000],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
  ["T", 1e12],
  ["P", 1e15],
  ["Ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
  ["Pi", 2 ** 50],
]);

function parseQuantity(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?|\.\d+)(?:[eE]([+]?\d{1,2}))?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/.exec(text);
  const factor = FACTORS.get(match?.[3] ?? "");
  if (match === null || factor === undefined) return undefined;
  return Number(match[1]) * 10 ** Number(match[2] ?? 0) * factor;
}

/** Thousandths of a core, rounded up as Kubernetes does; undefined when the text is no quantity. */
export function parseCpuMillis(text: string): number | undefined {
  const cores = parseQuantity(text);
  return cores === undefined ? undefined : Math.ceil(Math.round(cores * 1e9) / 1e6);
}

/** Whole bytes, rounded up; undefined when the text is no quantity. */
export function parseMemoryBytes(text: string): number | undefined {
  const bytes = parseQuantity(text);
  return bytes === undefined ? undefined : Math.ceil(bytes);
}
