# Stands in for nixpkgs where that cannot be had: see ../README.md.
{
  outputs =
    { self }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      packagesOf = system: { name = system; value = import ./packages.nix system; };
    in
    {
      legacyPackages = builtins.listToAttrs (map packagesOf systems);
    };
}
