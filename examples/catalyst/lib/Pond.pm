package Pond;
# The application: what it is called, and which version it is. What it answers stands in Pond::Controller::Root.
use v5.36;
use Moose;
use namespace::autoclean;
use Catalyst;
use Cwd qw(abs_path);
use File::Basename qw(dirname);

extends 'Catalyst';

our $HOME = abs_path(dirname(__FILE__) . '/..');

# One word in a file makes a release misbehave on purpose; see README.md.
our $BEHAVIOUR = first_line("$HOME/content/behaviour.txt") // 'healthy';

# Read once, at the start: a process serves one release, even when the next is already in place.
our $VERSION = $ENV{PINTAIL_VERSION} // first_line("$HOME/VERSION") // 'unversioned';
our $TOLD    = $BEHAVIOUR eq 'wrong-version' ? '0.0.0' : $VERSION;
our $MESSAGE = first_line("$HOME/content/message.txt") // '';

exit 7 if $BEHAVIOUR eq 'dies-at-start';

__PACKAGE__->config(
    name                                        => 'Pond',
    home                                        => $HOME,
    encoding                                    => 'UTF-8',
    disable_component_resolution_regex_fallback => 1,
    # A form that is no UTF-8 is no fault of /echo.
    skip_body_param_unicode_decoding => 1,
);
__PACKAGE__->setup('-Log=warn,error,fatal');

sub first_line ($file) {
    open my $handle, '<:encoding(UTF-8)', $file or return;
    my $line = readline $handle;
    chomp $line if defined $line;
    return $line;
}

1;
