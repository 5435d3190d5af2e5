import { describe, expect, test } from "bun:test";
import { benchDocument, formatNumber } from "../bench/table.ts";
import { type BenchRow, isMet } from "../bench/types.ts";

const row: BenchRow = { name: "allocate + release", asked: { atMost: 1 }, measured: 0.8123, unit: "us" };

describe("benchmarks", () => {
  test("a promise is kept at its bound and missed beyond it", () => {
    expect(isMet({ ...row, measured: 1 })).toBe(true);
    expect(isMet({ ...row, measured: 1.01 })).toBe(false);
    expect(isMet({ ...row, asked: { atLeast: 3_000 }, measured: 2_999 })).toBe(false);
    expect(isMet({ ...row, asked: undefined })).toBe(true);
  });

  test("the document names the machine, the command and what was missed", () => {
    const text = benchDocument({
      machine: { cpu: "Some CPU", coreCount: 2, memoryMb: 8_000, os: "Linux 6", bun: "1.4.5" },
      command: "npm run bench -- --write",
      date: "2026-01-01",
      groups: [{ name: "engine", rows: [row, { ...row, name: "slow", measured: 2 }] }],
    });
    expect(text).toContain("on 2 cores (Some CPU), 8,000 MB");
    expect(text).toContain("| allocate + release | ≤ 1 | 0.812 | us | met |  |");
    expect(text).toContain("| slow | ≤ 1 | 2 | us | **missed** |  |");
  });

  test("numbers keep three digits", () => {
    expect([0.00123456, 12.345, 999.9, 1_234.5, 1_234_567].map(formatNumber)).toEqual([
      "0.00123",
      "12.3",
      "1000",
      "1,235",
      "1,234,567",
    ]);
  });
});
