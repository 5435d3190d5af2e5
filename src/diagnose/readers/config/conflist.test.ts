// What a CNI network configuration says, and what only looks like one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ConflistFact } from "../../facts/model.ts";
import { conflistReader } from "./conflist.ts";

const THEIRS = `{
  "cniVersion": "0.4.0",
  "name": "aws-cni",
  "disableCheck": true,
  "plugins": [
    {
      "name": "aws-cni",
      "type": "aws-cni",
      "vethPrefix": "__VETHPREFIX__",
      "mtu": "1500",
      "podSGEnforcingMode": "strict",
      "pluginLogFile": "/var/log/aws-routed-eni/plugin.log"
    },
    { "name": "egress-cni", "type": "egress-cni", "mtu": 9001 },
    { "type": "portmap", "snat": true }
  ]
}
`;

const recognises = (head: string) => conflistReader.recognises({ path: "f", head, isWhole: true });

function read(text: string): readonly ConflistFact[] {
  expect(recognises(text)).toBe(true);
  const part = conflistReader.read({ path: "net.d/10-aws.conflist", text, node: "n" });
  expect(part.read).toEqual([{ file: "net.d/10-aws.conflist", kind: "CNI network configuration" }]);
  return part.conflists ?? [];
}

test("the reference's list gives its plugins with the places of their values; placeholders tell nothing", () => {
  const [list] = read(THEIRS);
  expect(list).toMatchObject({ name: "aws-cni", node: "n", cniVersions: [], isCheckDisabled: true });
  expect(list?.cniVersion).toMatchObject({ value: "0.4.0", at: { line: 2 } });
  expect(list?.installedBy).toBeUndefined();
  expect(list?.plugins.map((one) => one.type?.value)).toEqual(["aws-cni", "egress-cni", "portmap"]);
  const [first, second] = list?.plugins ?? [];
  expect(first).toMatchObject({
    mtu: { value: "1500", at: { line: 10, column: 14 } },
    enforcingMode: { value: "strict" },
    logFile: { value: "/var/log/aws-routed-eni/plugin.log" },
  });
  expect(first?.vethPrefix).toBeUndefined();
  expect(second?.mtu?.value).toBe(9001);
});

test("ours is known again, with the versions that it offers", () => {
  const text =
    '{"cniVersion":"1.0.0","cniVersions":["0.4.0","1.0.0"],"name":"aws-cni","installedBy":"slash28 0.1.0","plugins":[{"type":"aws-cni"}]}';
  expect(read(text)).toMatchObject([
    { cniVersions: ["0.4.0", "1.0.0"], installedBy: "slash28 0.1.0", isCheckDisabled: false },
  ]);
});

test("a single configuration is a list of one", () => {
  const [list] = read('{"cniVersion":"0.3.1","name":"cilium","type":"cilium-cni"}');
  expect(list?.plugins.map((one) => one.type?.value)).toEqual(["cilium-cni"]);
});

test.each([
  ["what the runtime keeps of an ADD", `{"kind":"cniCacheV1","containerId":"a","config":${JSON.stringify(THEIRS)}}`],
  ["a plugin's result", '{"cniVersion":"1.0.0","interfaces":[],"ips":[]}'],
  ["a plugin's error", '{"cniVersion":"1.0.0","code":11,"msg":"x"}'],
  ["its answer to VERSION", '{"cniVersion":"1.1.0","supportedVersions":["0.4.0"]}'],
  ["a line of plugin.log", `{"level":"info","msg":${JSON.stringify(`argsStdinData(${THEIRS})`)}}`],
])("%s is none", (_, text) => {
  expect(recognises(text)).toBe(false);
});

test("one that is cut short is said to be so, with the place", () => {
  const part = conflistReader.read({ path: "f", text: THEIRS.slice(0, 200), node: undefined });
  expect(part.unread?.[0]).toMatchObject({ file: "f", reason: expect.stringContaining("line ") });
});

test("one that is cut in its first line is known by its name, and the place is told", () => {
  for (const text of ['{"cniVersion":', "{"]) {
    const path = "net.d/10-aws.conflist";
    expect(conflistReader.recognises({ path, head: text, isWhole: true })).toBe(true);
    const part = conflistReader.read({ path, text, node: undefined });
    const reason = expect.stringMatching(/^line 1, column \d+: the text ends too early/);
    expect(part.unread).toMatchObject([{ file: path, reason }]);
  }
  const cached = '{"kind":"cniCacheV1","config":"x"}';
  expect(conflistReader.recognises({ path: "a.conflist", head: cached, isWhole: true })).toBe(false);
});

test("no text makes it fail", () => {
  const words = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"cniVersion"',
    '"plugins"',
    '"type"',
    '"mtu"',
    "null",
    "9",
    '"x"',
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      recognises(text);
      conflistReader.read({ path: "f", text, node: undefined });
    }),
  );
});
