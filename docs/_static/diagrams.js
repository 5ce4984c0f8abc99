// Copyright: (c) 2026, the cryptokey.wireguard authors
// SPDX-License-Identifier: GPL-3.0-or-later
const dark = document.body.dataset.theme === "dark"
    || (document.body.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
mermaid.initialize({ startOnLoad: true, theme: dark ? "dark" : "neutral" });
