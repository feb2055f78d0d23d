// Written by Pintail for a test of an artifact: what lies in it finds no module outside of it. Programs of the machine,
// such as npm, go on finding theirs.
'use strict';
const Module = require('module');
const path = require('path');
const rooms = ROOMS;
const within = (file) => rooms.some((room) => file === room || file.startsWith(room + path.sep));
const lookup = Module._resolveLookupPaths;
Module._resolveLookupPaths = function (request, parent) {
    const paths = lookup.apply(this, arguments);
    const asked = parent && parent.filename ? parent.filename : process.cwd();
    const plain = !request.startsWith('.') && !path.isAbsolute(request);
    return plain && Array.isArray(paths) && within(asked) ? paths.filter(within) : paths;
};
