import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placeInFiles, readDumpFolder } from "./dump-folder.ts";

const root = mkdtempSync(join(tmpdir(), "slash28-dump-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(name: string, files: Record<string, string | Uint8Array>): string {
  const path = join(root, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

test("every JSON file is read, others are left alone", () => {
  const path = folder("good", { "b.json": '{"Subnets":[]}', "a.JSON": '{"Vpcs":[]}', "notes.txt": "{" });
  const { files, problems } = readDumpFolder(path);
  expect(problems).toEqual([]);
  expect(files.map((file) => [file.name, file.value])).toEqual([
    [join(path, "a.JSON"), { Vpcs: [] }],
    [join(path, "b.json"), { Subnets: [] }],
  ]);
});

test("a truncated file is reported with line and column and what to do, and the others are still read", () => {
  const path = folder("cut", { "a.json": '{\n  "Subnets": [\n    {"SubnetId": "sub', "b.json": "{}" });
  const { files, problems } = readDumpFolder(path);
  expect(files.length).toBe(1);
  expect(problems.length).toBe(1);
  expect(problems[0]?.where).toBe(`${join(path, "a.json")}:3:18`);
  expect(problems[0]?.next).toContain("cut short");
});

test("text that is not UTF-8, a folder named like a file, and a missing or empty folder are reported", () => {
  const path = folder("odd", { "a.json": new Uint8Array([0x7b, 0xff, 0x7d]), "c.txt": "" });
  mkdirSync(join(path, "b.json"));
  expect(readDumpFolder(path).problems.map((problem) => problem.what)).toEqual(["not UTF-8 text", "this is a folder"]);
  expect(readDumpFolder(join(root, "absent")).problems[0]?.what).toBe("there is no such folder or file");
  expect(readDumpFolder(join(path, "c.txt")).problems[0]?.what).toBe("this is not a folder");
  expect(readDumpFolder(folder("empty", {})).problems[0]?.what).toContain("no *.json file");
});

test("a path in a document becomes a place in its file", () => {
  const file = { name: "d/s.json", text: '{\n "Subnets": [\n  {"CidrBlock": "x"}]}', value: undefined };
  expect(placeInFiles("d/s.json: Subnets[0].CidrBlock", [file])).toBe("d/s.json:3:17");
  expect(placeInFiles("d/s.json", [file])).toBe("d/s.json:1:1");
  expect(placeInFiles("subnet-a", [file])).toBe("subnet-a");
});
