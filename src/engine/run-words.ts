/** The words that names of runs are made of: short, easy to say and to type, 128 of each. Changing a word would rename runs. */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const ADJECTIVES = words(`
  able airy amber ample azure balmy bold brave bright brisk broad bronze busy calm candid careful cheery chief civil clean clear clever cloudy cosy
  crisp curious dapper daring dear deep deft dewy direct eager early earnest easy even exact fair famous fast fine firm fleet fluent fond frank
  free fresh gentle giddy glad golden grand green happy hardy hazel honest humble ideal jolly jovial keen kind large lasting level light lively
  lucid lucky mellow merry mild mint modest neat nimble noble open patient plain polite proud pure quick quiet rapid ready regal robust rosy
  round royal ruby rustic sandy sharp shiny silent silver simple sleek smart smooth snowy solid spry steady still stout sunny sure swift tame
  tidy true upbeat vivid warm wise witty young zesty zippy cool
`);

export const ANIMALS = words(`
  adder alpaca ant badger bat bear beaver bee beetle bison boar bobcat buffalo camel canary caribou carp cat cicada clam cobra condor cougar coyote
  crab crane cricket crow deer dingo dolphin donkey dove duck eagle eel egret elk emu falcon ferret finch firefly fox frog gazelle gecko gibbon
  giraffe goat goose gopher grouse gull hamster hare hawk hedgehog heron hippo horse hyena ibex ibis iguana impala jackal jaguar jay kestrel kiwi
  koala lark lemur leopard lion lizard llama lobster lynx magpie mantis marmot marten mole moose moth mouse newt ocelot orca oriole osprey ostrich
  otter owl ox panda panther parrot pelican penguin pigeon plover pony puffin puma quail rabbit raccoon raven robin salmon seal shrew shrimp
  skunk sloth snail sparrow squid stork swan tapir tern tiger toad toucan
`);
