# Exactly those attributes of nixpkgs that ../README.md lists as seen, and no argument but those that
# the flake has a reason to use: what is misspelt does not evaluate.
#
# What is built of them are links to the programs of the Debian root, whose /usr must be seen below
# /nix/usr too, where root.sh says.
system:
let
  # A derivation whose builder is a shell script of this folder, or the text of one. The shell stays until
  # the end: Nix kills a builder that closes its output, as programs of coreutils do before they exit.
  run =
    name: script: environment:
    derivation (environment // {
      inherit name system;
      builder = "/usr/bin/bash";
      args = if builtins.isPath script then [ "-eu" script ] else [ "-euc" "eval \"$0\"; exit" script ];
      PATH = "/usr/bin";
    });

  # The programs of Debian packages.
  programs = name: debian: run name ./programs.sh { inherit debian; root = ./root.sh; };

  packages = {
    bashInteractive = programs "bash-interactive" [ "bash" ];
    chromium = programs "chromium" [ "chromium-headless-shell" ];
    curl = programs "curl" [ "curl" ];
    file = programs "file" [ "file" ];
    git = programs "git" [ "git" ];
    gnupatch = programs "gnupatch" [ ]; # the Debian root has none, nor zip
    nghttp2 = programs "nghttp2" [ "nghttp2-client" ];
    nix = programs "nix" [ "nix-bin" ];
    nodejs_24 = programs "nodejs_24" [ "nodejs" "npm" ];
    openssl = programs "openssl" [ "openssl" ];
    podman = run "podman" ./podman.sh {
      helpers = programs "podman-helpers" [ "catatonit" "conmon" "crun" "netavark" ];
      root = ./root.sh;
    };
    postgresql_18 = programs "postgresql_18" [ "postgresql-18" "postgresql-client-18" ];
    prometheus.cli = programs "prometheus-cli" [ "promtool" ];
    python314 = programs "python314" [ "python3" "python3-minimal" "python3.14" "python3.14-minimal" ];
    shellcheck = programs "shellcheck" [ "shellcheck" ];
    skopeo = programs "skopeo" [ "skopeo" ];
    unzip = programs "unzip" [ "unzip" ];
    which = programs "which" [ "debianutils" ];
    zip = programs "zip" [ ];

    jdk21_headless =
      let jdk = run "jdk21_headless" ./jdk.sh { };
      in jdk // { home = "${jdk}/lib/openjdk"; };
    stdenv.cc.cc.lib = run "gcc-lib" ./libraries.sh { root = ./root.sh; };

    # Whatever is asked for is the Debian root's Bazel.
    fetchurl =
      { url, sha256 }:
      run (baseNameOf url) ./bazel.sh {
        inherit url sha256;
        root = ./root.sh;
        rulesets = run "rulesets" ./rulesets.sh { };
      };
    runCommand = name: environment: script: run name script environment;
    writeTextDir =
      path: text:
      run (baseNameOf path) ''install -D -m 444 "$textPath" "$out/$path"'' {
        inherit path text;
        passAsFile = [ "text" ];
      } // { inherit text; };

    buildFHSEnv =
      {
        pname, version, targetPkgs, runScript, profile ? "",
        extraBwrapArgs ? [ ], extraPreBwrapCmds ? "", dieWithParent ? true,
      }@arguments:
      run "${pname}-${version}" ./fhs.sh {
        inherit pname runScript profile extraBwrapArgs extraPreBwrapCmds dieWithParent;
        contents = basePackages ++ targetPkgs packages;
        bwrap = ./bwrap.py;
      } // arguments // { contents = targetPkgs packages; };

    # With the one output that `nix develop` asks for.
    mkShell =
      { packages }:
      run "nix-shell" "echo >$out" {
        nativeBuildInputs = packages;
        outputs = [ "out" ];
        stdenv = run "stdenv" ./stdenv.sh { };
      } // { nativeBuildInputs = packages; };
  };

  # What nixpkgs puts into every such root, as far as the Debian root has it.
  basePackages = map (name: programs name [ name ]) [
    "bash" "bzip2" "coreutils" "diffutils" "findutils" "grep" "gzip" "libc-bin" "mawk" "passwd" "sed"
    "tar" "xz-utils"
  ];
in
packages
