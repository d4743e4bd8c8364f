"""The player without its comments."""

from edge.page import lean

SCRIPT = """\
/** What this is for,
 * at length. */
import { a } from './a.js';

// Why.
const url = 'https://example.org/*'; // goes
const text = 'no // comment'; // stays: 'quoted'
/** @type {number} */ let b = 1;
  /** One line. */
const glsl = `
  // direction to place
  float x = 1.0; /* stays */
`;
/* one */ const c = a / b; /* two */
"""

SHORT = """\


import { a } from './a.js';


const url = 'https://example.org/*';
const text = 'no // comment'; // stays: 'quoted'
let b = 1;

const glsl = `

float x = 1.0; /* stays */
`;
/* one */ const c = a / b; /* two */
"""

STYLE = """\
/* The library */
.card > a {
  color: red;
}
"""


def test_comments_and_indentation_go_and_code_stays_in_its_line() -> None:
    assert lean(SCRIPT) == SHORT
    assert lean(STYLE) == "\n.card > a {\ncolor: red;\n}\n"
