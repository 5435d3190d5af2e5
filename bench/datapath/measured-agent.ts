// The agent as it is compiled, with a window into its process: how late its event loop is, and how many objects it holds. Both
// can be seen from inside alone.

import { main } from "../../src/cli/main.ts";
import { openWindow } from "./agent-window.ts";

openWindow();
void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
