# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx turns the guides, and the module reference that antsibull-docs generates beside them, into HTML."""

from __future__ import annotations

import re
from html import escape

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

project = "cryptokey.wireguard"
author = "the cryptokey.wireguard authors"
project_copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = project
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_favicon = "_static/favicon.svg"
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

# Pages of Ansible's own documentation that the generated ones point to. Named here, since a build that fetched
# their inventory would need the network.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
ANSIBLE_PLUGIN = re.compile(r"ansible_collections\.(\w+)\.(\w+)\.(\w+_[a-z]+)")


def resolve_ansible_label(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.reference | None:
    label = node["reftarget"]
    page = ANSIBLE_PAGES.get(label)
    if plugin := ANSIBLE_PLUGIN.fullmatch(label):
        page = "collections/{}/{}/{}.html".format(*plugin.groups())
    # Our own plugins are here, or are a mistake.
    if not page or page.startswith("collections/cryptokey/"):
        return None
    return nodes.reference("", "", text, refuri=ANSIBLE + page)


class Mermaid(SphinxDirective):
    """A diagram that the browser draws, as the forge does with the same text."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = escape("\n".join(self.content))
        return [nodes.raw("", f'<pre class="mermaid">{text}</pre>', format="html")]


# Furo has a list of the page's headings beside the text, and puts an error box around one within it.
CONTENTS = re.compile(r"^\.\. contents::.*\n(?:[ \t]+\S.*\n)*", re.MULTILINE)
# The title of the list of all.
TITLE = re.compile(r"^Cryptokey\.Wireguard\n=+$", re.MULTILINE)
# An entry of a list of pages, which has its page's whole title otherwise.
ENTRY = re.compile(r"^    (\w+)_(module|filter|role)$", re.MULTILINE)


def adapt_reference(_app: Sphinx, page: str, source: list[str]) -> None:
    """Remove the list of contents that antsibull-docs writes into each page, and give the sidebar short names."""
    if page.startswith("reference/"):
        text = ENTRY.sub(r"    \1 <\1_\2>", CONTENTS.sub("", source[0]))
        source[0] = TITLE.sub("Modules, filters and the role\n=============================", text)


def finish_page(
    app: Sphinx, _page: str, _template: str, context: dict[str, object], _tree: nodes.document | None
) -> None:
    """Load what draws diagrams, three megabytes, only where there are some, and let long names break at their dots."""
    body = str(context.get("body", ""))
    if 'class="mermaid"' in body:
        app.add_js_file("mermaid.min.js")
        app.add_js_file("diagrams.js")
    context["body"] = body.replace("<h1>cryptokey.wireguard.", "<h1>cryptokey.wireguard.<wbr>")


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", finish_page)
    app.add_directive("mermaid", Mermaid)
    app.connect("source-read", adapt_reference)
    app.connect("missing-reference", resolve_ansible_label)
