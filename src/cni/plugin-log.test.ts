// Two plugins that find the log full at the same moment.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blockingIo } from "../drivers/blocking-io.ts";
import { systemClock } from "../drivers/clock-system.ts";
import type { BlockingIo } from "../ports/blocking-io.ts";
import { PluginLog } from "./plugin-log.ts";

const FULL = 100 * 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "slash28-plugin-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("one of them moves it aside, and the other leaves the new one where it is", () => {
  const file = join(folder, "plugin.log");
  writeFileSync(file, "");
  truncateSync(file, FULL);
  const real = blockingIo();
  const log = (io: BlockingIo) => new PluginLog({ file, level: "info", clock: systemClock(), io });
  const [first, second] = [log(real), log({ ...real, size: sizeThenFirst })];
  function sizeThenFirst(fd: number): number {
    const size = real.size(fd);
    first.write("info", "first");
    first.flush();
    return size;
  }
  second.write("info", "second");
  second.flush();
  const [old, ...others] = readdirSync(folder).filter((name) => name !== "plugin.log");
  expect(others).toEqual([]);
  const texts = readFileSync(join(folder, old ?? "")).subarray(FULL) + readFileSync(file, "utf8");
  for (const text of ["first", "second"]) expect(texts).toContain(`"msg":"${text}"`);
});
