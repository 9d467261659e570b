import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** The contract's descriptors come in base64, which gzip cannot pack: their bytes take a third less. */
const descriptors: Plugin = {
  name: "descriptors",
  transform: {
    filter: { id: /\/src\/gen\/.*_pb\.ts$/ },
    handler: (code) => ({ code: code.replace(/(\bfileDesc\()"([\w+/=]+)"/, (_, call, text) => `${call}btoa(${JSON.stringify(atob(text))})`), map: null }),
  },
};

// What is built is served under any path and under a strict policy: addresses are relative, nothing is inline, and
// the document is made with calls instead of markup, as trusted types ask for. One script, not several, so that a page
// that stays open goes on after the server was upgraded.
export default defineConfig({
  base: "./",
  plugins: [descriptors, svelte({ configFile: false, compilerOptions: { runes: true, css: "external", fragments: "tree" } })],
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: { output: { codeSplitting: false }, checks: { pluginTimings: false } },
  },
});
