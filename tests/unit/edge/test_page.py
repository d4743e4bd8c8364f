"""The player without its comments."""

from edge.page import without_comments

SCRIPT = """\
/** What this is for,
 * at length. */
import { a } from './a.js';

// Why.
const url = 'https://example.org/*'; // stays
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


const url = 'https://example.org/*'; // stays
/** @type {number} */ let b = 1;

const glsl = `

  float x = 1.0; /* stays */
`;
/* one */ const c = a / b; /* two */
"""


def test_whole_comment_lines_go_and_code_stays_where_it_was() -> None:
    assert without_comments(SCRIPT) == SHORT
