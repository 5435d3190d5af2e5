// slash28 version: this build, its runtime, and the release of the reference whose behaviour it follows.

import { Command, Option } from "commander";
import packageFile from "../../../package.json" with { type: "json" };

/** The release of amazon-vpc-cni-k8s that policy vpc-cni follows. */
const REFERENCE_VERSION = "v1.23.1";

export function versionCommand(): Command {
  return new Command("version")
    .description("print the version")
    .addOption(new Option("-o, --output <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action((options: { readonly output: string }) => {
      const facts = {
        schema: "slash28/version/v1",
        version: packageFile.version,
        reference: `amazon-vpc-cni-k8s ${REFERENCE_VERSION}`,
        runtime: `Bun ${Bun.version}`,
        platform: `${process.platform}/${process.arch}`,
      };
      process.stdout.write(
        options.output === "json"
          ? `${JSON.stringify(facts)}\n`
          : `slash28 ${facts.version} (follows ${facts.reference}; ${facts.runtime}, ${facts.platform})\n`,
      );
    });
}
