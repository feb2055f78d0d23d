# The application answers, with its version; and its FastCGI script has what it loads.
use v5.36;
use Test::More;
use FCGI::ProcManager;
use Catalyst::Test 'Pond';

is request('/health')->code, 200, 'it is well';
like request('/health')->content, qr/"version":"\Q$Pond::TOLD\E"/, 'and tells its version';
like request('/')->content, qr/<p>version \Q$Pond::VERSION\E,/, 'so does the page';
is request('/nowhere')->code, 404, 'what is not there is not found';
is request('/slow?ms=1')->content, "slept 1 ms\n", 'slow is as slow as asked';

done_testing;
