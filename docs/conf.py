# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx turns the guides, and the module reference that antsibull-docs generates beside them, into HTML."""

from __future__ import annotations

import re

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "cryptokey.wireguard"
author = "the cryptokey.wireguard authors"
project_copyright = f"2026, {author}"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = project
html_copy_source = False
myst_heading_anchors = 3

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


def setup(app: Sphinx) -> None:
    app.add_lexer("mermaid", TextLexer)  # the forge draws Mermaid; here its source is shown
    app.connect("missing-reference", resolve_ansible_label)
