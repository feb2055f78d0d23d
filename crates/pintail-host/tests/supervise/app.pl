# The tests' application: answers lines on a listening socket that it was given. WORKERS in argv makes it a
# leader that forks, as FCGI::ProcManager does. Core Perl only.
use strict;
use warnings;
use Socket;
use POSIX ();

my ($workers) = map { /^--workers=(\d+)$/ ? $1 : () } @ARGV;
my $fd = 0;
if ($ENV{LISTEN_FDS}) {
    die "LISTEN_PID is not mine\n" unless $ENV{LISTEN_PID} == $$;
    die "no name\n" unless length $ENV{LISTEN_FDNAMES};
    $fd = 3;
}
open(my $listener, '+<&=', $fd) or die "no descriptor $fd: $!\n";
die "descriptor $fd does not listen\n" unless unpack('i', getsockopt($listener, SOL_SOCKET, 30) // die "no socket: $!\n");

my $stop = 0;
$SIG{TERM} = sub { $stop = 1 };
$SIG{PIPE} = 'IGNORE';
$| = 1;
print "serving as $$\n";

if ($workers) {
    my @pids = map { my $pid = fork // die; if (!$pid) { serve(); POSIX::_exit(0) } $pid } 1 .. $workers;
    select(undef, undef, undef, 0.02) until $stop;
    kill TERM => @pids;
    waitpid($_, 0) for @pids;
} else {
    serve();
}
exit 0;

sub serve {
    until ($stop) {
        my $ready = '';
        vec($ready, $fd, 1) = 1;
        next unless select($ready, undef, undef, 0.02) > 0;
        accept(my $client, $listener) or next;
        answer($client);
    }
}

sub answer {
    my ($client) = @_;
    my $line = readline($client) // return;
    my ($word, $value) = split ' ', $line;
    if ($word eq 'slow') {
        my $until = time + $value / 1000;
        require Time::HiRes;
        my $end = Time::HiRes::time() + $value / 1000;
        while ((my $left = $end - Time::HiRes::time()) > 0) { select(undef, undef, undef, $left) }
    }
    my $text =
          $word eq 'env'  ? join(' ', map { "$_=$ENV{$_}" } sort keys %ENV)
        : $word eq 'argv' ? join(' ', @ARGV)
        : "$$ " . ($ENV{PINTAIL_INSTANCE} // '-');
    syswrite($client, "$text\n");
    close $client;
    kill SEGV => $$ if $word eq 'crash';
    exit $value     if $word eq 'exit';
    # Still alive, but nobody is served any more: as an application that lost its socket.
    if ($word eq 'deaf') { open(my $null, '<', '/dev/null'); POSIX::dup2(fileno($null), $fd); sleep 1000 }
}
