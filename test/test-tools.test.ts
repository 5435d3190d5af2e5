// What npm test installs, and what it says when it cannot.

import { expect, test } from "bun:test";
import { ensureTestTools, TEST_TOOLS, type TestMachine } from "../scripts/test-tools.ts";

function machine(options: { isRoot: boolean; holds: readonly string[]; canInstall: readonly string[] }) {
  const holds = new Set(options.holds);
  const asked: string[][] = [];
  const fake: TestMachine = {
    isRoot: options.isRoot,
    has: (probe) => holds.has(probe),
    install(packages) {
      asked.push([...packages]);
      for (const tool of TEST_TOOLS)
        if (packages.includes(tool.debianPackage) && options.canInstall.includes(tool.debianPackage))
          holds.add(tool.probe);
      return packages.every((name) => options.canInstall.includes(name)) ? "" : "E: Unable to locate package runc";
    },
  };
  return { fake, asked };
}

const all = TEST_TOOLS.map((tool) => tool.probe);
const allPackages = TEST_TOOLS.map((tool) => tool.debianPackage);

test("root on Debian gets what is missing, in one call, and no more", () => {
  const { fake, asked } = machine({ isRoot: true, holds: ["apt-get", "aws", "ip"], canInstall: allPackages });
  expect(ensureTestTools(fake)).toEqual([]);
  expect(asked).toEqual([allPackages.filter((name) => name !== "awscli" && name !== "iproute2")]);
  const whole = machine({ isRoot: true, holds: ["apt-get", ...all], canInstall: [] });
  expect(ensureTestTools(whole.fake)).toEqual([]);
  expect(whole.asked).toEqual([]);
});

test("what stays missing has one line, which says why and what is skipped", () => {
  const { fake } = machine({
    isRoot: true,
    holds: ["apt-get", ...all.filter((name) => name !== "runc")],
    canInstall: [],
  });
  expect(ensureTestTools(fake)).toEqual([
    "runc is missing (E: Unable to locate package runc; package runc): skipped: tests through a container runtime",
  ]);
});

test("without root, or elsewhere than on Debian, nothing is installed", () => {
  for (const holds of [["apt-get"], []]) {
    const { fake, asked } = machine({ isRoot: holds.length === 0, holds, canInstall: allPackages });
    const lines = ensureTestTools(fake);
    expect(lines.length).toBe(TEST_TOOLS.length);
    expect(lines[0]).toStartWith("aws is missing (only root on Debian installs it");
    expect(asked).toEqual([]);
  }
});
