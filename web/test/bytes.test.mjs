// What a browser loads is bounded, and it runs under the server's policy.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { assert, home, open, seen, test } from "./harness.mjs";

test("at most 120 kB of JavaScript and 10 kB of CSS, gzipped", () => {
  const dir = new URL("../dist/assets/", import.meta.url);
  const sizes = { js: 0, css: 0 };
  for (const name of readdirSync(dir)) sizes[name.split(".").pop()] += gzipSync(readFileSync(new URL(name, dir))).length;
  assert.ok(sizes.js <= 120_000, `${sizes.js} bytes of JavaScript`);
  assert.ok(sizes.css <= 10_000, `${sizes.css} bytes of CSS`);
});

test("the policy allows nothing inline and nothing of another host", async (t) => {
  const answer = await fetch(home);
  const policy = answer.headers.get("content-security-policy");
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "require-trusted-types-for 'script'"]) {
    assert.ok(policy.includes(rule), `the policy has no ${rule}`);
  }
  const html = await answer.text();
  assert.doesNotMatch(html, /<style|style=|<script>|onclick|https?:/);
  const page = await open(t, "", { blocked: true });
  await seen(page, "Batches");
  const refused = await page.evaluate(() => {
    try {
      document.createElement("div").innerHTML = "<b>markup</b>";
      return false;
    } catch {
      return true;
    }
  });
  assert.ok(refused, "text could become markup");
});
