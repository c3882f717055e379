// What the first view does not need; it comes when the first view is there.

import "./detail.js";
import "./installed.js";
import "./panels.js";
