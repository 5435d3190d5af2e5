// Lines of a host's log that are passed over by their bytes: the facts must be those that reading every line as text gives.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { SIGNAL_IDS, SIGNALS, type SignalRow } from "../../facts/signals.ts";
import { asciiBytes } from "./bytes.ts";
import { HostLine } from "./host-line.ts";
import { ERAS, readLog } from "./testing/read-log.ts";

const PROSE = [
  "Started Session 12 of user root.",
  "pam_unix(sudo:session): session opened",
  'E0102 03:04:05.678901    4321 pod_workers.go:1298] "Error syncing pod, skipping" err="failed to \\"CreatePodSandbox\\" for \\"web-1_shop\\""',
  'I0102 03:04:05.678901    4321 kubelet.go:2421] "SyncLoop (probe)" probe="readiness" status="ready" pod="shop/web-1"',
  'time="2024-01-02T03:04:06.123456789Z" level=info msg="CreateContainer within sandbox returns container id"',
  'time="2024-01-02T03:04:07Z" level=debug msg="garbage collected"',
  'time="2024-01-31T03:04:07Z" level=info msg="late in the month"',
  "2024-01-02 03:04:08 INFO [ssm-agent-worker] checking for updates",
  '{"level":"info","ts":"2024-01-02T03:04:09.000Z","msg":"inside"}',
  "2024-01-02T03:04:05.001Z [DEBUG] Reconcile existing ENI",
  "level=info subsys=ipam msg=x",
  "Warning  FailedCreatePodSandBox  4m  kubelet  no network",
  "Normal  Scheduled  4m  scheduler  done",
  "FAILED TO ASSIGN AN IP ADDRESS",
  "env WARM_IP_TARGET=5 ENABLE_PREFIX_DELEGATION: true",
  "name: WARM_ENI_TARGET",
  "a line of colours \u001b[31mred\u001b[0m",
  "a tick at the end `",
  "path\\/with escapes\\n and more",
  "prog I0102 03:04:05.678901    4321 x.go:1] after 2024-01-02T03:04:05Z",
  "caf\u00e9",
  "",
];
const TEXTS = SIGNAL_IDS.flatMap((id) => {
  const { starts = [], contains = [] }: SignalRow = SIGNALS[id];
  return [...starts, ...contains].map((one) => (typeof one === "string" ? one : one.join(" then ")));
});
const HEADS = [
  "Jan  2 03:04:05 ip-10-0-1-2 kubelet[4321]: ",
  "Jan 12 03:04:05 ip-10-0-1-2 systemd: ",
  "Jan  2 03:04:05 ip-10-0-1-2 kubelet: I0102 03:04:05.678901    4321 kubelet.go:12] ",
  "2024-01-02T03:04:05.678901+00:00 ip-10-0-1-2 containerd[77]: ",
  "2024-01-02T03:04:05+0100 ip-10-0-1-2 kernel: ",
  "Jan  2 03:04:05 ip-10-0-1-2 (systemd)[1]: ",
  "  ",
  "",
];

const line = fc.oneof(
  fc
    .tuple(fc.constantFrom(...HEADS), fc.oneof(fc.constantFrom(...PROSE), fc.constantFrom(...TEXTS), fc.string()))
    .map(([head, text]) => head + text),
  fc.constantFrom(...PROSE, ...TEXTS).map((text) => ERAS.json(text)),
  // A text wrapped by a terminal.
  fc
    .tuple(fc.constantFrom(...HEADS), fc.constantFrom(...TEXTS), fc.nat(40))
    .map(([head, text, at]) => `${head}${text.slice(0, at)}\n${text.slice(at)}`),
);

test("what is passed over has no effect, whatever the lines and however they are cut into chunks", () => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 400 }),
      fc.option(fc.boolean(), { nil: undefined }),
      (lines, chunk, isExcerpt) => {
        const text = lines.join("\n");
        const options = { chunk, ...(isExcerpt === undefined ? {} : { isExcerpt }) };
        expect(readLog(text, options)).toEqual(readLog(text, { ...options, isThorough: true }));
      },
    ),
    { numRuns: 300, seed: 28 },
  );
}, 60_000);

test("the common lines of a host are passed over, and those that somebody looks for are not", () => {
  const isTaken = (text: string): boolean => {
    const bytes = asciiBytes(text);
    return new HostLine().read(bytes, 0, bytes.length);
  };
  const host = "Jan  2 03:04:05 ip-10-0-1-2";
  expect(isTaken(`${host} systemd[1]: Started Session 12 of user root.`)).toBe(true);
  expect(isTaken(`${host} kubelet[4321]: ${PROSE[3]}`)).toBe(true);
  expect(isTaken(`${host} containerd: ${PROSE[4]}`)).toBe(true);
  expect(isTaken("2024-01-02T03:04:05.678901+00:00 ip-10-0-1-2 kernel: [ 12.5] eth1: link up")).toBe(true);
  expect(isTaken(`${host} kubelet[4321]: ${PROSE[2]}`)).toBe(false);
  expect(isTaken(`${host} ssm-agent: ${PROSE[7]}`)).toBe(false);
  expect(isTaken(`${host} containerd: ${PROSE[5]}`)).toBe(false);
});
