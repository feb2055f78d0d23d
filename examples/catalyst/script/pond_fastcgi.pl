#!/usr/bin/env perl
# Runs the application behind FastCGI: on file descriptor 0 if that is a listening socket, as a supervisor gives it,
# else on --listen.
#
#   perl script/pond_fastcgi.pl --listen PATH|HOST:PORT --nproc 5 --pidfile FILE
use v5.36;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Catalyst::ScriptRunner;

Catalyst::ScriptRunner->run('Pond', 'FastCGI');
