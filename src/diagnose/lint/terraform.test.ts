// Terraform as users keep it: one module over several files, values in tfvars, child modules beside; and lint over it.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { collect } from "../collect/index.ts";
import type { Facts } from "../facts/model.ts";
import { applyEdits, editsByFile } from "./fix.ts";
import { runLint } from "./lint.ts";

const ROOT = mkdtempSync(join(tmpdir(), "slash28-terraform-"));
afterAll(() => rmSync(ROOT, { recursive: true, force: true }));

let folderCount = 0;

async function factsOf(files: Readonly<Record<string, string>>): Promise<{ facts: Facts; folder: string }> {
  const folder = join(ROOT, String(folderCount++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return { facts: await collect({ paths: [folder] }), folder };
}

const ADDON = `resource "aws_eks_addon" "cni" {
  addon_name           = "vpc-cni"
  configuration_values = jsonencode({ env = local.env })
}
`;
const LOCALS = `locals {
  env = {
    ENABLE_PREFIX_DELEGATION = "true"
    # asked for by the web team
    WARM_ENI_TARGET = "2" # for bursts
    WARM_IP_TARGET    = var.warm # kept
    MINIMUM_IP_TARGET = "16"
  }
}
`;
const VARIABLES = 'variable "warm" { default = "5" }\n';

function textOf(facts: Facts, name: string): string | undefined {
  return facts.settings[0]?.env.find((one) => one.name === name)?.value;
}

test("a folder is one module: values are found where they are written, tfvars over defaults, in Terraform's order", async () => {
  const files = { "main.tf": ADDON, "locals.tf": LOCALS, "variables.tf": VARIABLES };
  const { facts, folder } = await factsOf(files);
  expect(facts.unread).toEqual([]);
  expect(textOf(facts, "WARM_IP_TARGET")).toBe("5");
  const entry = facts.settings[0]?.env.find((one) => one.name === "WARM_ENI_TARGET");
  expect(entry?.at).toMatchObject({ file: join(folder, "locals.tf"), line: 5, column: 23 });
  const valued = { ...files, "terraform.tfvars": 'warm = "7"\n' };
  expect(textOf((await factsOf(valued)).facts, "WARM_IP_TARGET")).toBe("7");
  const late = { ...valued, "z.auto.tfvars": 'warm = "9"\n', "a.auto.tfvars.json": '{"warm": "8"}' };
  expect(textOf((await factsOf(late)).facts, "WARM_IP_TARGET")).toBe("9");
});

test("what a file for -var-file may say is untold, and so is all that an unreadable file of values may say", async () => {
  for (const [name, text] of [
    ["env/prod.tfvars", 'warm = "1"\n'],
    ["terraform.tfvars", "warm = [\n"],
  ] as const) {
    const { facts } = await factsOf({ "main.tf": ADDON + LOCALS + VARIABLES, [name]: text });
    expect(textOf(facts, "WARM_IP_TARGET")).toBeUndefined();
    expect(facts.settings[0]?.untold).toEqual(["WARM_IP_TARGET"]);
  }
});

test("a file with a mistake is unread with its line, the others of the folder count", async () => {
  const { facts, folder } = await factsOf({ "main.tf": ADDON, "locals.tf": LOCALS, "x.tf": 'a "b" {\n  x = [1,\n}\n' });
  expect(facts.unread).toMatchObject([{ file: join(folder, "x.tf") }]);
  expect(textOf(facts, "MINIMUM_IP_TARGET")).toBe("16");
});

test("a child module gets the values of its call; what two calls share is not deleted for one", async () => {
  const child = `variable "warm" { default = "1" }\n${ADDON}${LOCALS}`;
  const call = (name: string, warm: string): string =>
    `module "${name}" {\n  source = "./modules/cni"\n  warm   = ${warm}\n}\n`;
  const one = await factsOf({ "main.tf": call("a", '"5"'), "modules/cni/main.tf": child });
  expect(one.facts.settings).toHaveLength(1);
  expect(one.facts.settings[0]?.name).toBe("module.a.aws_eks_addon.cni");
  expect(textOf(one.facts, "WARM_IP_TARGET")).toBe("5");
  const open = await factsOf({ "main.tf": call("a", "data.x.y.z"), "modules/cni/main.tf": child });
  expect(open.facts.settings[0]?.untold).toEqual(["WARM_IP_TARGET"]);
  const two = await factsOf({ "main.tf": call("a", '"5"') + call("b", '"6"'), "modules/cni/main.tf": child });
  expect(two.facts.settings).toHaveLength(2);
  expect(two.facts.settings.flatMap((source) => source.env.flatMap((entry) => entry.entrySpan ?? []))).toEqual([]);
});

test("lint says the file, line and column, and a fix deletes the inert entry alone", async () => {
  const { facts, folder } = await factsOf({ "main.tf": ADDON, "locals.tf": LOCALS, "variables.tf": VARIABLES });
  const findings = runLint(facts).filter((finding) => finding.fix !== undefined);
  const file = join(folder, "locals.tf");
  expect(findings).toMatchObject([{ at: { file, line: 5, column: 23 } }]);
  const edits = editsByFile(findings);
  expect([...edits.keys()]).toEqual([file]);
  const fixed = applyEdits(readFileSync(file, "utf8"), edits.get(file) ?? []).text;
  expect(fixed).toBe(LOCALS.replace('    WARM_ENI_TARGET = "2" # for bursts\n', ""));
});

test("small public and intra subnets of the VPC module are not blamed for what pods need", async () => {
  const vpc = (ranges: string): string =>
    `module "vpc" {\n  source = "terraform-aws-modules/vpc/aws"\n  private_subnets = ["${ranges}"]\n  public_subnets = ["10.0.96.0/26"]\n  intra_subnets = ["10.0.97.0/28"]\n}\n`;
  const codes = async (ranges: string): Promise<string[]> => {
    const { facts } = await factsOf({ "main.tf": ADDON + LOCALS + VARIABLES, "vpc.tf": vpc(ranges) });
    return runLint(facts).map((finding) => finding.rule.code);
  };
  expect(await codes("10.0.0.0/19")).not.toContain("PD1080");
  expect(await codes("10.0.0.0/26")).toContain("PD1080");
});
