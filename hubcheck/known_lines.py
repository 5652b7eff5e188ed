"""For --log: a table of lines, made from the troubleshooting pages of the guide."""

# The lines that this guide's pages of troubleshooting publish: "…" is what differs from hub to hub. Above them are the page, the rung
# that breaks, and the page that hubcheck names where that is another. Those after "+" count only beside another one of their row.
KNOWN = r"""
troubleshooting/address-already-in-use hub_answers
    Error code: 404
    Message: File not found.
    Uncaught Exception: listen EADDRINUSE: address already in use …
    One of these: (1) Another program listens on the port that the reverse proxy … in front of the hub, answers at this address.
    To decide: ss -ltnp on the server names the program on the hub's port.
troubleshooting/bad-gateway-or-service-unavailable hub_answers
    503 Service Temporarily Unavailable
    503 Service Unavailable
    The server is temporarily unable to service your request due to maintenance downtime or capacity problems. Please try again later.
    connect() failed (111: Connection refused) while connecting to upstream, … request: "GET …/ HTTP/…", upstream: "http://…/"
    (111)Connection refused: AH00957: http: attempt to connect to … (…) failed
    AH01114: HTTP: failed to make connection to backend: …
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/bad-request-for-a-percent-sign upload_lands
    Cause: The reverse proxy decodes paths. Apache: nocanon on ProxyPass. nginx: no path after the address in proxy_pass.
troubleshooting/blank-jigsaw-iframe blocks_shown
    … refused to connect.
    The block editor does not start. Its page: 200, frame-ancestors 'none'; sandbox allow-scripts
    Framing 'https://…/' violates the following Content Security Policy directive: … 'none'". The request has been blocked.
    Cause: The user's server forbids every frame. … lifts that for files/ alone.
troubleshooting/blockly-does-not-load blocks_shown
    Blockly does not load from https://…/user/…/static/blockly/blockly.min.js?v=…
    404 GET …/user/…/static/blockly/blockly.min.js?v=…
    Cause: The user's server does not send Blockly: extra_static_paths in jupyter_server_config.py.
troubleshooting/can-upgrade-only-to-websocket kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
    Cause: A reverse proxy on the way does not tunnel WebSockets. nginx: … Apache: upgrade=websocket on ProxyPass.
troubleshooting/certificate-for-another-name hub_answers
    Your connection is not private
    NET::ERR_CERT_COMMON_NAME_INVALID
    AH01909: … server certificate does NOT include an ID which matches the server name
    certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
    Cause: The certificate is for another name.
troubleshooting/certificate-has-expired hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate has expired
    One of these: (1) The certificate has expired. (2) This machine's clock is ahead.
    To decide: run date on this machine.
troubleshooting/certificate-is-not-trusted hub_answers
    Your connection is not private
    NET::ERR_CERT_AUTHORITY_INVALID
    certificate verify failed: …
    One of these: (1) Nobody whom this machine trusts has signed the certificate. … does not send the intermediate certificates.
    To decide: openssl s_client -showcerts -connect HOST:443 shows what the server sends.
troubleshooting/certificate-is-not-yet-valid hub_answers
    Your connection is not private
    NET::ERR_CERT_DATE_INVALID
    certificate verify failed: certificate is not yet valid
    One of these: (1) This machine's clock is behind. (2) The certificate is for later.
    To decide: run date on this machine.
troubleshooting/configurable-http-proxy-not-found hub_answers troubleshooting/bad-gateway-or-service-unavailable
    503 Service Temporarily Unavailable
    Failed to find proxy ['configurable-http-proxy']
    Failed to start proxy
    FileNotFoundError: [Errno 2] No such file or directory: 'configurable-http-proxy'
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/connect-emfile hub_answers
    Error: connect EMFILE …
    Failed to get custom error page: Error: connect EMFILE …
    code: 'EMFILE',
    One of these: (1) The hub's own proxy may open no more files: LimitNOFILE in … runs no more, and its own proxy is still there.
    To decide: the hub's log has the reason beside each 503: "connect EMFILE" is the first, "connect ECONNREFUSED" the second.
troubleshooting/connection-must-be-upgrade kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 400
    Connection lost, reconnecting in … seconds.
    400 GET …/user/…/api/kernels/…/channels?session_id=…
    Replacing stale connection: …
    400 GET …/user/…/api/events/subscribe
    Cause: A reverse proxy on the way does not ask for the upgrade. nginx: proxy_set_header Connection, from the map at the top.
troubleshooting/cookies-without-secure login_works
    the cookie jupyterhub-hub-login comes without Secure, though the address is https
    One of these: (1) The reverse proxy does not tell the hub that users come by HTTPS. … (2) TLS ends in front of the reverse proxy…
    To decide: look for the certificate: if it is not in the reverse proxy's own file, it is the second.
troubleshooting/cross-origin-websockets-not-allowed kernel_channel
    … | Connecting
    WebSocket connection to 'wss://…/user/…/api/kernels/…/channels?session_id=…' … handshake: Unexpected response code: 403
    Connection lost, reconnecting in … seconds.
    403 GET …/user/…/api/kernels/…/channels?session_id=…
    Blocking Cross Origin WebSocket Attempt.  Origin: https://…, Host: …
    Blocking Cross Origin API request for …/user/…/api/events/subscribe.  Origin: https://…, Host: …
    One of these: (1) The reverse proxy changes the Host header, so the origin … header: a line for Origin, which has to go.
    To decide: the log of the user's server has both, after Blocking Cross Origin: what is not as in the browser's address is changed.
troubleshooting/debians-page-instead-of-the-hub hub_answers
    Apache2 Debian Default Page
    It works!
    port 80 answers without sending people to https://
    One of these: (1) Another site answers on port 80. Apache: Debian's 000-default … (2) The hub's site has no redirect for port 80.
    To decide: apachectl -S or nginx -T on the server lists the sites.
troubleshooting/err-too-many-redirects hub_answers
    … redirected you too many times.
    ERR_TOO_MANY_REDIRECTS
    One of these: (1) TLS ends in front of the server that redirects. It sees plain … a line for port 80 in its site for port 443 too.
    To decide: look for the certificate: if another machine or service holds it, it is the first.
troubleshooting/error-starting-kernel kernel_channel
    Error Starting Kernel
    [Errno 13] Permission denied: '…/python'
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    Failed to run command:
    PermissionError: [Errno 13] Permission denied: '…/python'
    500 POST …/user/…/api/sessions?…: [Errno 13] Permission denied: '…/python'
    One of these: (1) kernel.json names a program that is not there. (2) kernel.json names one that this user may not run.
    To decide: the words after the semicolon: [Errno 2] is the first, [Errno 13] the second.
troubleshooting/exception-occurred-in-preexec-fn server_spawns
    500 : Unhandled error starting server …
  + You can try restarting your server from the home page.
    Unhandled error starting …'s server: Exception occurred in preexec_fn.
    subprocess.SubprocessError: Exception occurred in preexec_fn.
  + 500 GET …/hub/spawn
    One of these: (1) The hub starts servers itself, and its unit takes away the … systemd start the server, or the spawner failed.
    To decide: the hub's log says "Exception occurred in preexec_fn" if it is the first.
troubleshooting/failed-at-step-chdir server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    jupyter-….service: Changing to the requested working directory failed: Permission denied
    jupyter-….service: Failed at step CHDIR spawning …/jupyterhub-singleuser: Permission denied
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/failed-to-start-proxy hub_answers troubleshooting/bad-gateway-or-service-unavailable
    503 Service Temporarily Unavailable
    Failed to start proxy
    OSError: [Errno 28] No space left on device
  + jupyterhub.service: Main process exited, code=exited, status=…/FAILURE
    One of these: (1) The hub does not run. (2) The hub listens on another port … no more files: LimitNOFILE in the hub's unit.
    To decide: systemctl status jupyterhub.service and ss -ltn on the server show … or the hub's log says EMFILE, it is the fourth.
troubleshooting/file-name-too-long kernel_channel
    zmq.error.ZMQError: File name too long (addr='ipc://…/kernel-…-ipc-…')
    Cause: The user's home lies so deep that a kernel's sockets have no room for … JUPYTER_RUNTIME_DIR in jupyter_server_config.py.
troubleshooting/forbidden-for-everybody hub_answers
    403 Forbidden
    One of these: (1) What answered lets only some addresses in, such as a … 403. Apache: Require. (2) A firewall refuses.
    To decide: look for these words in the files of what answered. Without them, it is the second.
troubleshooting/getpwnam-name-not-found login_works
  + Internal Server Error
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
  + Uncaught exception POST …/hub/login
    KeyError: "getpwnam(): name not found: '…'"
  + 500 POST …/hub/login
    One of these: (1) JupyterHub changes names to lower case, and there is no … letters back. (2) The hub failed in another way.
    To decide: the hub's log says getpwnam if it is the first.
troubleshooting/internal-server-error-after-the-provider login_works
  + 500 : Internal Server Error
    SSL Error on … certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
  + Uncaught exception GET …/hub/oauth_callback?…
  + 500 GET …/hub/oauth_callback?…
    the provider does not answer: … certificate verify failed: Hostname mismatch, certificate is not valid for '…'.
    One of these: (1) This machine does not reach the provider: its name leads to … or a firewall refuses. (2) The provider is down.
    To decide: open the provider's address in a browser on another machine. If its page comes, it is the first.
troubleshooting/internal-server-error-from-apache hub_answers
    500 Internal Server Error
    The server encountered an internal error or misconfiguration and was unable to complete your request.
  + Failed to load resource: the server responded with a status of 500 (Internal Server Error)
    AH01144: No protocol handler was valid for the URL …/ (scheme 'http'). If you … included in the configuration using LoadModule.
    One of these: (1) Apache's module proxy_http is not enabled. (2) ProxyPass has … On is missing. (3) Apache failed in another way.
    To decide: its error log says AH01144 if it is the first, and SSL if it is the second.
troubleshooting/invalid-command-requestheader config_accepted
  + AH00526: Syntax error on line … of …/….conf:
    Invalid command 'RequestHeader', perhaps misspelled or defined by a module not included in the server configuration
    …: [Errno 111] Connection refused; Apache answers on port 80 alone
    One of these: (1) Apache refused the hub's file. (2) The hub's site is not enabled.
    To decide: apachectl -t on the server.
troubleshooting/invalid-response-403-forbidden kernel_channel
  + Failed to load resource: the server responded with a status of 403 (Forbidden)
    Uncaught Invalid response: 403 Forbidden
    access forbidden by rule, client: …, server: …, request: "PUT …/user/…/api/contents/…
    AH01630: client denied by server configuration: …
    One of these: (1) What answered lets only some methods of HTTP pass. nginx: … (2) A firewall refuses what the request holds.
    To decide: look for these words in the files of what answered, and for a firewall's module.
troubleshooting/invalid-username-or-password login_works
    Invalid username or password
    No allow config found, it's possible that nobody can login to your Hub!
    User '…' not allowed.
    Failed login for '…'
    One of these: (1) The password is wrong or has expired, or the system does not … allowed_groups or allow_all.
    To decide: the hub's log tells which.
troubleshooting/jigsaw-urlopen-error blocks_shown
    Error in calling magic 'jigsaw' on line:
    <urlopen error [Errno -2] Name or service not known>
    %jigsaw Python: <urlopen error [Errno -2] Name or service not known>
    Cause: This is MetaKernel's own %jigsaw, which downloads its page from calysto.github.io, and the server does not reach it.
troubleshooting/jupyterlab-stays-blank server_spawns
    Executing inline script violates the following Content Security Policy directive 'default-src 'self''.
    Evaluating a string as JavaScript violates the following Content Security … an allowed source of script: default-src 'self'".
    a policy refuses JupyterLab's scripts: Content-Security-Policy: …default-src 'self'
    Cause: The reverse proxy, or something in front of it, adds a Content-Security-Policy under which JupyterLab's pages stay blank.
troubleshooting/kernel-appears-to-have-died kernel_computes
    Kernel Restarting
    The kernel for ….ipynb appears to have died. It will restart automatically.
    AsyncIOLoopKernelRestarter: restarting kernel (…), new random ports
    kernel … restarted
    the kernel ended while it computed
    One of these: (1) The user's server and its kernels took more memory than … has. (3) The kernel's program ended by itself.
    To decide: journalctl --namespace "*" --unit jupyter-NAME says "killed by the OOM killer" if it is one of the first two.
troubleshooting/kernel-not-in-the-launcher kernel_listed
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
    Cause: The kernel is not installed where this user's server looks.
troubleshooting/kernel-restarts-for-ever kernel_channel
    … | Connecting
    …/python3: No module named …
    AsyncIOLoopKernelRestarter: restarting kernel (…), new random ports
    GET …/user/…/api/kernels/…/channels: the WebSocket does not open in … s
    One of these: (1) kernel.json names a Python in which the kernel is not … (3) The kernel takes longer than --timeout.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server shows the kernel's own error.
troubleshooting/kernel-that-only-root-sees kernel_listed troubleshooting/kernel-not-in-the-launcher
    Notebook Python 3 (ipykernel) Console Python 3 (ipykernel) Other
    … is not among the kernels: python3
    Cause: The kernel is not installed where this user's server looks.
troubleshooting/no-home-directory server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    jupyter-….service: Changing to the requested working directory failed: No such file or directory
    jupyter-….service: Failed at step CHDIR spawning …/jupyterhub-singleuser: No such file or directory
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/no-space-left-on-device server_spawns troubleshooting/server-did-not-respond-in-time
    Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    Failed to write cookie secret to …/.local/share/jupyter/runtime/jupyter_cookie_secret: [Errno 28] No space left on device
    OSError: [Errno 28] No space left on device
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/no-such-file-jupyterhub-singleuser server_spawns troubleshooting/unknown-assignment
    Spawn failed:
    Failed to find executable …/jupyterhub-singleuser: No such file or directory
    …'s server failed to start in … seconds, giving up.
    the server does not start: Spawn failed:
    One of these: (1) systemd did not start the user's server. (2) The start took … such as that of a job that waits for a node.
    To decide: the hub's log says why in systemd's words, such as "Unknown … "Failed to find executable", if it is the first.
troubleshooting/not-found-for-an-encoded-slash upload_lands
    The requested URL was not found on this server.
    Apache Server at … Port …
    Cause: The reverse proxy refuses encoded slashes. …
    One of these: (1) Traefik refuses addresses with encoded characters: encodedCharacters …
troubleshooting/not-found-under-the-base-url hub_answers
    404 : Not Found
    Jupyter has lots of moons, but this is not one...
    require is not defined
    [ConfigProxy] …: 404 GET /hub/api
    200 GET …/hub/error/404?url=%2Fhub%2Fapi
    Cause: The path differs between the reverse proxy and JupyterHub: compare … with the proxy's location or ProxyPass.
troubleshooting/not-found-without-the-last-slash hub_answers
    404 Not Found
    The requested URL was not found on this server.
    Apache Server at … Port …
    no redirect from … to …/
    Cause: The path without its last slash leads nowhere. …
troubleshooting/oauth-state-missing-from-cookies login_works
    400 : OAuth state missing from cookies
    400 GET …/hub/oauth_callback?… (…): OAuth state missing from cookies
    the provider sends users back to https://…/hub/oauth_callback, not to https://…/hub/oauth_callback
    Cause: Users open the hub by another name than the one in oauth_callback_url. … the name that they opened. Have both be the same.
troubleshooting/password-has-expired login_works troubleshooting/invalid-username-or-password
    Invalid username or password
    PAM Authentication failed ('…'@…): [PAM Error 12] Authentication token is no longer valid; new one required
    Failed login for '…'
    One of these: (1) The password is wrong or has expired, or the system does not … allowed_groups or allow_all.
    To decide: the hub's log tells which.
troubleshooting/port-8000-is-open hub_answers
    Warning: JupyterHub seems to be served over an unsecured HTTP connection. We strongly recommend enabling HTTPS for JupyterHub.
    Starting proxy @ http://:…/
    JupyterHub is now running at http://:…/
    http://…/hub/api answers past the reverse proxy, without TLS
    Cause: The hub listens on every interface, in plain HTTP. c.JupyterHub.bind_url … the loopback address; base_url alone does not.
troubleshooting/progress-stays-at-zero server_spawns
    Your server is starting up.
    You will be redirected automatically when it's ready for you.
    the … events of the starting server arrived all at once, after … s
    Cause: A reverse proxy on the way holds back the event stream. nginx: proxy_buffering off, for the progress of a starting server.
troubleshooting/proxy-of-an-earlier-hub hub_answers
    404: Not Found
    No service is registered at this URL
    api_request to proxy failed: 403, message='Forbidden', url='http://…/api/routes'
    Uncaught Exception: listen EADDRINUSE: address already in use …
    One of these: (1) The hub's own proxy is left over from an earlier hub, and the hub does not run. (2) The hub is starting.
    To decide: systemctl status jupyterhub.service on the server.
troubleshooting/redirect-uri-did-not-match login_works
    error: invalid_redirect_uri
    error_description: redirect_uri did not match any of the client's registered redirect_uris
    OAuth redirect: http://…/hub/oauth_callback
    Cause: The provider does not know the address to which it is to send users … both are the same, letter for letter.
troubleshooting/redirected-you-too-many-times server_spawns
    500 : Redirect loop detected.
    Redirect loop detected on …/hub/user/…/?redirects=…
    500 GET …/hub/user/…/?redirects=… (…): Redirect loop detected.
    One of these: (1) The reverse proxy goes to the hub's inner port, past the … user's server: it was restarted without the hub.
    To decide: restart the hub, and run the check again. If it still fails, it is the first.
troubleshooting/request-entity-too-large upload_lands
  + Saving failed
  + File Save Error for ….ipynb
    Invalid response: 413 Request Entity Too Large
    Failed to load resource: the server responded with a status of 413 (Request Entity Too Large)
    client intended to send too large body: … bytes, client: …, server: …, request: "PUT …/user/…/api/contents/….ipynb
    Cause: What answered limits the size of a request. nginx: client_max_body_size.
troubleshooting/scripts-are-not-found server_spawns
  + Failed to load resource: the server responded with a status of 404 (Not Found)
    Uncaught require is not defined
    open() "…/main….js" failed (2: No such file or directory), client: …
    Cause: Another rule of the reverse proxy answers for scripts and styles before … location …/; with location ^~ …/ it does not.
troubleshooting/server-did-not-respond-in-time server_spawns
    …'s server never showed up at http://…/user/…/ after … seconds. Giving up.
    TimeoutError: Server at http://…/user/…/api didn't respond in … seconds
    the server does not start: Spawn failed: Server at http://…/user/…/api didn't respond in … seconds
    One of these: (1) The user's server takes longer to come up than c.Spawner.http_timeout allows. (2) It ends before.
    To decide: journalctl --namespace "*" --unit jupyter-NAME on the server: the … its home is missing, or closed to the user.
troubleshooting/unknown-assignment server_spawns
    Spawn failed:
    {progress: 100, failed: true, message: Spawn failed: }
    Unknown assignment: MemoryMaximum=…
    …'s server failed to start in … seconds, giving up.
    the server does not start: Spawn failed:
    One of these: (1) systemd did not start the user's server. (2) The start took … such as that of a job that waits for a node.
    To decide: the hub's log says why in systemd's words, such as "Unknown … "Failed to find executable", if it is the first.
troubleshooting/unknown-directive-ssl config_accepted
    [emerg] …: unknown directive "ssl" in …/….conf:…
  + nginx: configuration file …/….conf test failed
    …: [Errno 111] Connection refused; nginx answers on port 80 alone
    One of these: (1) nginx refused the hub's file. (2) nginx does not read the hub's file.
    To decide: nginx -t on the server.
troubleshooting/unsafe-url-with-3f kernel_channel
    AH10508: Unsafe URL with %3f URL rewritten without UnsafeAllow3F
    Cause: The reverse proxy takes the addresses of WebSockets apart. Apache: a … of which upgrade=websocket on ProxyPass does it.
troubleshooting/upload-breaks-off upload_lands
    PUT …/user/…/api/contents/…/large.bin: the connection was closed in the middle of the upload
    One of these: (1) What users reach has a time limit for a whole request, and … default. (2) It ends uploads that are too large.
    To decide: try files of different sizes. If all fail after the same time, it is the first.
troubleshooting/upstream-sent-too-big-header login_works
    upstream sent too big header while reading response header from upstream, client: …
    Cause: The hub's answer to a long link has a long header, and the reverse proxy has no room for it. nginx: proxy_buffer_size.
troubleshooting/websocket-closes-when-idle kernel_computes
    … | Unknown
    Connection lost, reconnecting in … seconds.
    the reverse proxy closed the idle WebSocket within … s: Connection to remote host was lost.
    One of these: (1) The reverse proxy closes idle connections. … (2) A balancer or a firewall in front of it does.
    To decide: run the check on the server itself, with --resolve HOST:443:…. If that passes, it is the second.
troubleshooting/websockets-of-some-paths-only kernel_channel
    WebSocket connection to 'wss://…/user/…/api/events/subscribe' failed: Error … handshake: Unexpected response code: 400
    400 GET …/user/…/api/events/subscribe
    Cause: The reverse proxy lets WebSockets pass for a list of paths only: a … kernels and terminals. All of the hub needs it.
troubleshooting/xsrf-cookie-does-not-match login_works
    Login form invalid or expired. Try again.
    XSRF error on login form: HTTP 403: Forbidden (XSRF cookie does not match POST argument)
    403 POST …/hub/login?next= (…): Login form invalid or expired. Try again.
    the hub gives the same visitor a new XSRF cookie with each page, so no login can match it
    One of these: (1) The hub sees each request come from another address or … (2) Something on the way drops cookies.
    To decide: look for Cookie in the files of the reverse proxy, and for a cache … in front of it. Without them, it is the first.
deploy/proxy-parts#workers
    AH00484: server reached MaxRequestWorkers setting
    AH03490: scoreboard is full, not at MaxRequestWorkers.Increase ServerLimit.
deploy/faults#another-version-of-jupyterhub
    jupyterhub version … != jupyterhub-singleuser version …. This could cause failure to authenticate and result in redirect loops!
    Found database schema version … Backup your database and run
deploy/growing#2-move-the-users-servers
    Failed to connect to my Hub at http://…/hub/api
deploy/proxy-parts#slow-clients
    AH01084: pass request body failed to … (…)
deploy/existing-site#2-reload-the-web-server
    "location" directive is not allowed here in …/….conf:…
    duplicate location "…/" in …/….conf:…
    unknown log format "jupyterhub" in …/….conf:…
deploy/certificate#1-fetch-the-certificate
    Certbot failed to authenticate some domains
troubleshooting/kernel-appears-to-have-died#what-you-see
    jupyter-….service: A process of this unit has been killed by the OOM killer.
troubleshooting/address-already-in-use#failed-to-bind-hub
    Failed to bind hub to http://…/hub/
    OSError: [Errno 98] Address already in use
deploy/configure-jupyterhub#address-and-base-url-one-option
    Both bind_url and ip/port/base_url have been configured
jigsaw/limits#dialogs-of-the-browser-do-not-open
    Ignored call to 'prompt()'
deploy/users#6-packages-for-everybody
    ERROR: Could not install packages due to an OSError: [Errno 30] Read-only file system
    Can not perform a '--user' install. User site-packages are not visible in this virtualenv.
deploy/slurm#when-something-fails
    ended before its server listened
    Job … took too long. Slurm said last: …
    sbatch: error: Batch job submission failed: …
deploy/openid-connect#if-it-does-not-work
    Sorry, you are not currently authorized to use this hub
    … is in none of these groups of the provider: …
    The auth_state_groups_key … does not exist
    … has no account on this machine
    Your email address leads to no account on this hub.
    Your provider has not checked your email address.
    OAuth error: …
deploy/docker#when-something-fails
    Container jupyter-… ended at once: docker logs jupyter-… says why.
    Docker says: network jupyter not found
    Docker says: No such image: jupyter-user:latest
    invalid mount config for type "bind": bind source path does not exist: /home/…
    exec: …/jupyterhub-singleuser: not found
deploy/faults#a-full-disk
    (sqlite3.OperationalError) database or disk is full
deploy/faults#the-reverse-proxy
    AH02565: Certificate and private key … do not match
"""
