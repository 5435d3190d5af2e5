// The readers of configuration, most specific first, and the handlers of its objects.

import type { FileReader } from "../reader.ts";
import { conflistReader } from "./conflist.ts";
import { emittedListReader } from "./emitted-list.ts";
import { iamPolicyReader } from "./iam-policy.ts";
import { nodeGroupReader } from "./node-groups.ts";
import { containerInfoReader, printenvReader, settingsPageReader } from "./running-env.ts";
import {
  bootLogReader,
  bootstrapArgumentsReader,
  bottlerocketReader,
  nodeadmLogReader,
  userDataReader,
} from "./user-data-files.ts";
import { addonAnswerReader, valuesReader } from "./values-files.ts";

export { readBootstrapArguments } from "./bootstrap-arguments.ts";
export { CONFIG_HANDLERS } from "./object-handlers.ts";
export type { HclParse } from "./terraform/hcl-tree.ts";
export { terraformReader } from "./terraform/terraform-reader.ts";

export const CONFIG_READERS: readonly FileReader[] = [
  emittedListReader,
  conflistReader,
  addonAnswerReader,
  settingsPageReader,
  containerInfoReader,
  nodeadmLogReader,
  bootLogReader,
  nodeGroupReader,
  iamPolicyReader,
  userDataReader,
  bottlerocketReader,
  printenvReader,
  bootstrapArgumentsReader,
  valuesReader,
];
