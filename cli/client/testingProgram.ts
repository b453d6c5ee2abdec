// Test support: a program as users write it, which forgets to close its run. Usage: bun testingProgram.ts ADDRESS
import { Run } from "matyan";

const run = new Run({ repo: process.argv[2]!, sender: { idleMs: 100 } });
for (let i = 0; i < 10; i++) void run.track(1 / (i + 1), { name: "loss" });
process.stdout.write(run.hash);
