# Exactly those attributes of nixpkgs that the README lists as seen, and no argument but those that
# the flake has a reason to use: what is misspelt does not evaluate.
system:
let
  derive =
    name: attributes:
    derivation ({ inherit name system; builder = "/nowhere"; } // attributes) // attributes;
  tool = name: derive name { };
  tools = names: builtins.listToAttrs (map (name: { inherit name; value = tool name; }) names);
  packages =
    tools [
      "python314" "git" "cacert" "curl" "nix" "nodejs_24" "openssl"
      "buf" "bazel-buildtools" "shellcheck" "postgresql_18" "nghttp2"
      "skopeo" "podman" "crun" "conmon" "netavark" "catatonit" "chromium"
      "file" "gnupatch" "unzip" "which" "zip"
    ]
    // {
      jdk21_headless = tool "jdk21_headless" // { home = "${tool "jdk21_headless"}/lib/openjdk"; };
      prometheus.cli = tool "prometheus-cli";
      stdenv.cc.cc.lib = tool "gcc-lib";

      fetchurl =
        { url, sha256 }:
        derive (baseNameOf url) {
          inherit url;
          outputHash = sha256;
          outputHashAlgo = "sha256";
          outputHashMode = "flat";
        };
      runCommand = name: environment: script: derive name (environment // { inherit script; });
      writeTextDir = path: text: derive (baseNameOf path) { inherit path text; };

      buildFHSEnv =
        {
          pname, version, targetPkgs, runScript, profile ? "",
          extraBwrapArgs ? [ ], extraPreBwrapCmds ? "", dieWithParent ? true,
        }:
        derive "${pname}-${version}" {
          inherit pname version runScript profile;
          inherit extraBwrapArgs extraPreBwrapCmds dieWithParent;
          contents = targetPkgs packages;
        };
      mkShell =
        { packages, env }:
        derive "nix-shell" (env // { nativeBuildInputs = packages; });
    };
in
packages
